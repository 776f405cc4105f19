// The bare loop in C: connects to HOSTS members in turn, RATE times a second for SECONDS, and closes. It prints how many connects have
// ended, how many of them stood, and the CPU time that all took in microseconds.
// usage: bare PORT HOSTS RATE SECONDS, where host i is 127.0.(i+1).1
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static int ep;
static long ended, passed;

static double now(void) {
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static double cpu(void) {
	struct rusage u;
	getrusage(RUSAGE_SELF, &u);
	return (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e6 + u.ru_utime.tv_usec + u.ru_stime.tv_usec;
}

static void begin(int host, int port) {
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(0x7f000001 | (host + 1) << 8)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0) {
		perror("socket");
		exit(1);
	}
	if (connect(fd, (struct sockaddr *)&to, sizeof to) != 0 && errno != EINPROGRESS) {
		ended++;
		close(fd);
		return;
	}
	struct epoll_event e = {.events = EPOLLOUT, .data.fd = fd};
	epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e);
}

static void end(int fd) {
	int err = 0;
	socklen_t size = sizeof err;
	struct linger reset = {1, 0}; // or TIME_WAIT would take the ports
	getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &size);
	if (err == 0) {
		passed++;
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
	}
	close(fd);
	ended++;
}

int main(int argc, char **argv) {
	if (argc != 5)
		return 2;
	int port = atoi(argv[1]), hosts = atoi(argv[2]);
	double rate = atof(argv[3]), seconds = atof(argv[4]);
	struct epoll_event events[256];
	long begun = 0;
	ep = epoll_create1(EPOLL_CLOEXEC);
	double start = now(), used = cpu();
	while (now() < start + seconds) {
		for (double due = (now() - start) * rate; begun < due && begun - ended < 4096; begun++)
			begin(begun % hosts, port);
		double wait = start + begun / rate - now();
		int n = epoll_wait(ep, events, 256, wait <= 0 ? 0 : (int)(wait * 1000) + 1);
		for (int i = 0; i < n; i++)
			end(events[i].data.fd);
	}
	printf("%ld %ld %.0f\n", ended, passed, cpu() - used);
	return 0;
}

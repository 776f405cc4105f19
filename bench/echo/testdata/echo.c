// The floor in C: a UDP server that sends back every DNS query as its own answer, with the QR bit set. One thread, and for each query
// one system call that reads it and one that sends it.
// usage: echo ADDRESS:PORT, where ADDRESS is IPv4
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static int fail(const char *what) {
	perror(what);
	return 1;
}

int main(int argc, char **argv) {
	struct sockaddr_in at = {.sin_family = AF_INET};
	char *port = argc == 2 ? strchr(argv[1], ':') : NULL;
	if (port == NULL) {
		fprintf(stderr, "usage: echo ADDRESS:PORT\n");
		return 2;
	}
	*port++ = 0;
	at.sin_port = htons(atoi(port));
	if (inet_pton(AF_INET, argv[1], &at.sin_addr) != 1) {
		fprintf(stderr, "%s is no IPv4 address\n", argv[1]);
		return 2;
	}
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return fail("socket");
	if (bind(fd, (struct sockaddr *)&at, sizeof at) != 0)
		return fail("bind");

	unsigned char message[65536];
	for (;;) {
		struct sockaddr_in from;
		socklen_t size = sizeof from;
		ssize_t n = recvfrom(fd, message, sizeof message, 0, (struct sockaddr *)&from, &size);
		if (n < 0)
			return fail("recvfrom");
		if (n < 12) // no DNS message
			continue;
		message[2] |= 0x80; // QR
		if (sendto(fd, message, n, 0, (struct sockaddr *)&from, size) != n)
			return fail("sendto");
	}
}

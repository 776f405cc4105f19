// Command demo-members is the servers behind the pools of Corefile.example: HTTPS servers on loopback addresses, of which some are
// dead from the start, and an HTTP endpoint that stops and starts them. With a command behind its flags (CoreDNS), it runs that as
// soon as the members are there, and ends when the command ends.
//
//	demo-members [-dir run] [-ca-only] [COMMAND [ARGUMENT...]]
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("demo: ")
	var (
		dir     = flag.String("dir", "run", "where the CA's certificate, demo-ca.pem, is written to")
		caOnly  = flag.Bool("ca-only", false, "write the CA's certificate and do nothing else")
		port    = flag.Uint("port", 8443, "the members' port")
		control = flag.String("control", "127.0.0.1:9000", "where members are stopped and started; a loopback address")
		names   = flag.String("names", "www.lb.example.org,api.lb.example.org", "the names of the members' certificate")
		alive   = flag.String("members", "127.0.0.11,127.0.0.12,::1,127.0.0.21,127.0.0.22", "the members that are started")
		dead    = flag.String("dead", "127.0.0.13", "the members that are dead from the start")
	)
	flag.Parse()

	ca, err := newCA()
	if err == nil {
		err = ca.write(filepath.Join(*dir, "demo-ca.pem"))
	}
	if err != nil {
		log.Fatal(err)
	}
	if *caOnly {
		return
	}

	members, err := newMembers(ca, strings.Split(*names, ","), uint16(*port), addresses(*alive), addresses(*dead))
	if err != nil {
		log.Fatal(err)
	}
	if err := serveControl(*control, members); err != nil {
		log.Fatal(err)
	}
	if flag.NArg() == 0 {
		log.Printf("members are running; curl http://%s/ shows them, Ctrl-C stops them", *control)
		wait()
		return
	}
	os.Exit(run(flag.Args()))
}

// addresses splits a list. What is no address is fatal, as everywhere in the command line.
func addresses(list string) []netip.Addr {
	var addrs []netip.Addr
	for _, word := range strings.FieldsFunc(list, func(r rune) bool { return r == ',' }) {
		addr, err := netip.ParseAddr(word)
		if err != nil {
			log.Fatal(err)
		}
		if !addr.IsLoopback() {
			log.Fatalf("%s is not a loopback address: demo members are for this machine only", addr)
		}
		addrs = append(addrs, addr)
	}
	return addrs
}

// serveControl answers at address, in the background.
func serveControl(address string, members *members) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return fmt.Errorf("control: %w", err)
	}
	if tcp, ok := listener.Addr().(*net.TCPAddr); !ok || !tcp.IP.IsLoopback() {
		_ = listener.Close()
		return errors.New("control: " + address + " is not a loopback address")
	}
	server := &http.Server{Handler: members.control(), ReadHeaderTimeout: 5 * time.Second}
	go func() { log.Fatal(server.Serve(listener)) }()
	return nil
}

// wait returns when the process is asked to end.
func wait() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	<-ctx.Done()
}

// run runs a command, hands on the signals that end it, and returns its exit code.
func run(words []string) int {
	command := exec.Command(words[0], words[1:]...)
	command.Stdout, command.Stderr = os.Stdout, os.Stderr
	// In a process group of its own, Ctrl-C reaches the command once, by way of this program, and not twice: a second one would make
	// CoreDNS stop in haste.
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}

	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	if err := command.Start(); err != nil {
		log.Fatal(err)
	}
	go func() {
		for s := range signals {
			_ = command.Process.Signal(s) // it fails only when the command has just ended, which Wait tells
		}
	}()
	err := command.Wait()
	if _, exited := errors.AsType[*exec.ExitError](err); err != nil && !exited {
		log.Print(err)
		return 1
	}
	return max(command.ProcessState.ExitCode(), 0) // -1: ended by the signal that was handed on
}

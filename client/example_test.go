package client_test

import (
	"context"
	"log"
	"net"
	"net/http"
	"os/signal"
	"syscall"
	"time"

	"example.org/healthlb/client"
)

// A server that registers itself listens first, so that the first probe finds it.
func ExampleRegister() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	listener, err := net.Listen("tcp", ":8080")
	if err != nil {
		log.Fatal(err)
	}
	server := &http.Server{}
	go func() { log.Print(server.Serve(listener)) }()

	lease, err := client.Register(ctx, client.Registration{
		Settings: client.Settings{Server: "https://lb.example.org:8053", TokenFile: "/etc/healthlb/token"},
		Pool:     "www.lb.example.org",
		OnChange: func(c client.Change) { log.Print(c) },
	})
	if err != nil {
		log.Fatal(err)
	}
	<-lease.Done() // SIGTERM has come, and answers do not name this server any more
	if safe := lease.Now().Registration.SafeAfter; safe != nil {
		time.Sleep(time.Until(*safe)) // caches still do
	}
	log.Print(lease.Err(), server.Shutdown(context.Background()))
}

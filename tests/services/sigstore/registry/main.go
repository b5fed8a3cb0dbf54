// Command registry is an OCI registry in memory.
//
// usage: registry [-referrers] ADDRESS
package main

import (
	"flag"
	"log"
	"net/http"
	"time"

	"github.com/google/go-containerregistry/pkg/registry"
)

func main() {
	referrers := flag.Bool("referrers", false, "answer the referrers API")
	flag.Parse()
	if flag.NArg() != 1 {
		log.Fatal("usage: registry [-referrers] ADDRESS")
	}
	server := &http.Server{
		Addr:              flag.Arg(0),
		Handler:           registry.New(registry.WithReferrersSupport(*referrers)),
		ReadHeaderTimeout: 10 * time.Second,
	}
	log.Fatal(server.ListenAndServe())
}

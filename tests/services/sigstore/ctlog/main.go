// Command ctlog is a certificate transparency log (RFC 6962) in memory, without a database.
//
// It is the log server of certificate-transparency-go in front of Trillian's storage in memory, in
// one process. With -grpc it serves that Trillian to others as well.
package main

import (
	"context"
	"encoding/pem"
	"errors"
	"flag"
	"log"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/google/certificate-transparency-go/trillian/ctfe"
	"github.com/google/certificate-transparency-go/trillian/ctfe/configpb"
	"github.com/google/trillian"
	"github.com/google/trillian/crypto/keys"
	"github.com/google/trillian/crypto/keys/der"
	"github.com/google/trillian/crypto/keyspb"
	"github.com/google/trillian/extension"
	trillianlog "github.com/google/trillian/log"
	"github.com/google/trillian/monitoring"
	"github.com/google/trillian/quota"
	"github.com/google/trillian/server"
	"github.com/google/trillian/server/admin"
	"github.com/google/trillian/storage"
	"github.com/google/trillian/storage/memory"
	"github.com/google/trillian/util/clock"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"
)

const (
	sequenceEvery = 100 * time.Millisecond
	batchSize     = 100
	pipeBytes     = 1 << 20
)

type options struct {
	address, key, roots, prefix, grpc string
}

func main() {
	var chosen options
	flag.StringVar(&chosen.address, "address", "", "where to listen")
	flag.StringVar(&chosen.key, "key", "", "PEM file with the log's private key")
	flag.StringVar(&chosen.roots, "roots", "", "PEM file with the certificates it takes chains of")
	flag.StringVar(&chosen.prefix, "prefix", "ct", "first part of every path")
	flag.StringVar(&chosen.grpc, "grpc", "", "where Trillian listens for others, if at all")
	flag.Parse()
	if err := run(context.Background(), chosen); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, chosen options) error {
	keys.RegisterHandler(&keyspb.PrivateKey{}, der.FromProto)
	registry := inMemory()
	connection, err := serveTrillian(registry, chosen.grpc)
	if err != nil {
		return err
	}
	client := trillian.NewTrillianLogClient(connection)
	tree, err := storage.CreateTree(ctx, registry.AdminStorage, &trillian.Tree{
		TreeState:       trillian.TreeState_ACTIVE,
		TreeType:        trillian.TreeType_LOG,
		MaxRootDuration: durationpb.New(time.Hour),
	})
	if err != nil {
		return err
	}
	if _, err := client.InitLog(ctx, &trillian.InitLogRequest{LogId: tree.TreeId}); err != nil {
		return err
	}
	go trillianlog.NewOperationManager(trillianlog.OperationInfo{
		Registry:    registry,
		BatchSize:   batchSize,
		NumWorkers:  1,
		RunInterval: sequenceEvery,
		TimeSource:  clock.System,
	}, trillianlog.NewSequencerManager(registry, 0)).OperationLoop(ctx)
	handler, err := frontEnd(ctx, chosen, client, tree.TreeId)
	if err != nil {
		return err
	}
	web := &http.Server{
		Addr:              chosen.address,
		Handler:           handler,
		ReadHeaderTimeout: 10 * time.Second,
	}
	return web.ListenAndServe()
}

func inMemory() extension.Registry {
	trees := memory.NewTreeStorage()
	metrics := monitoring.InertMetricFactory{}
	return extension.Registry{
		AdminStorage:     memory.NewAdminStorage(trees),
		LogStorage:       memory.NewLogStorage(trees, metrics),
		QuotaManager:     quota.Noop(),
		MetricFactory:    metrics,
		SetProcessStatus: func(string) {},
	}
}

// serveTrillian starts Trillian behind a loopback listener of its own; Rekor v1 needs one with a
// known address, the front end takes any.
func serveTrillian(registry extension.Registry, address string) (*grpc.ClientConn, error) {
	if address == "" {
		address = "127.0.0.1:0"
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	service := grpc.NewServer()
	trillian.RegisterTrillianLogServer(service, server.NewTrillianLogRPCServer(registry, clock.System))
	trillian.RegisterTrillianAdminServer(service, admin.New(registry, nil))
	status := health.NewServer()
	status.SetServingStatus("", grpc_health_v1.HealthCheckResponse_SERVING)
	grpc_health_v1.RegisterHealthServer(service, status)
	go func() { log.Fatal(service.Serve(listener)) }()
	return grpc.NewClient(
		"passthrough:///"+listener.Addr().String(),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
	)
}

func frontEnd(
	ctx context.Context, chosen options, client trillian.TrillianLogClient, tree int64,
) (http.Handler, error) {
	text, err := os.ReadFile(chosen.key)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, errors.New("the log's key is no PEM")
	}
	key, err := anypb.New(&keyspb.PrivateKey{Der: block.Bytes})
	if err != nil {
		return nil, err
	}
	config, err := ctfe.ValidateLogConfig(&configpb.LogConfig{
		LogId:            tree,
		Prefix:           chosen.prefix,
		RootsPemFile:     []string{chosen.roots},
		PrivateKey:       key,
		ExtKeyUsages:     []string{"CodeSigning"},
		MaxMergeDelaySec: 10,
	})
	if err != nil {
		return nil, err
	}
	instance, err := ctfe.SetUpInstance(ctx, ctfe.InstanceOptions{
		Validated:     config,
		Client:        client,
		Deadline:      5 * time.Second,
		MetricFactory: monitoring.InertMetricFactory{},
		RequestLog:    new(ctfe.DefaultRequestLog),
	})
	if err != nil {
		return nil, err
	}
	paths := http.NewServeMux()
	for path, handler := range instance.Handlers {
		paths.Handle(path, handler)
	}
	paths.HandleFunc("/healthz", func(answer http.ResponseWriter, _ *http.Request) {
		answer.WriteHeader(http.StatusNoContent)
	})
	return paths, nil
}

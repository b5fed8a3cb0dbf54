// Package distconsts says where things lie in an engine. Dagger keeps it in a
// module of its own, which the module proxy does not serve. Its values are the
// layout of upstream's container image; these are the layout that
// tests/kit/dagger.sh makes.
package distconsts

// What the engine runs and keeps.
const (
	RuncPath                         = "/opt/dagger/runc"
	DaggerInitPath                   = "/opt/dagger/bin/dagger-init"
	EngineContainerBuiltinContentDir = "/opt/dagger/content"
	EngineDefaultStateDir            = "/var/lib/dagger"
	DefaultEngineSockAddr            = "unix:///run/dagger/engine.sock"
)

// Certificates in this folder would be put into every container. It is never
// made: a container of a test must not depend on the machine's certificates.
const EngineCustomCACertsDir = "/opt/dagger/certificates"

// Names that are only used for what these tests leave out: engines in
// containers, SDK modules, interactive terminals.
const (
	EngineContainerName  = "miniseal-dagger-engine"
	AlpineImage          = "alpine:3"
	OCIVersionAnnotation = "org.opencontainers.image.version"

	GoSDKManifestDigestEnvName         = "DAGGER_GO_SDK_MANIFEST_DIGEST"
	PythonSDKManifestDigestEnvName     = "DAGGER_PYTHON_SDK_MANIFEST_DIGEST"
	TypescriptSDKManifestDigestEnvName = "DAGGER_TYPESCRIPT_SDK_MANIFEST_DIGEST"
)

package probe

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"example.org/healthlb/plugin/healthlb/stamp"
)

// Reloader is a check that reads its files again when they change on disk.
type Reloader interface {
	// ReloadError says why what is on disk now is not in use, and what was there before still is; nil when they are the same.
	ReloadError() error
}

// lookEvery is how often at most the files are looked at.
const lookEvery = time.Second

// tlsFiles is what a check makes its handshakes with, made anew when one of its files changes.
type tlsFiles struct {
	opts  TLSOptions
	paths []string

	made     time.Time
	nextLook atomic.Int64 // nanoseconds since made
	version  atomic.Pointer[tlsVersion]
	trouble  atomic.Pointer[error] // of the last attempt to load
}

// tlsVersion is what was made of the files as they once were.
type tlsVersion struct {
	files  stamp.Files // as they were before they were read
	digest string

	client   tls.Certificate     // shown to a member that asks, be its issuer on the member's list or not: the member says what is wrong
	roots    *x509.CertPool      // what is trusted; nil: the system's
	listed   []*x509.Certificate // what roots holds; none when they are the system's
	insecure bool                // any certificate will do,
	expiry   bool                // but none that has run out
}

func newTLSFiles(opts TLSOptions) (*tlsFiles, error) {
	if err := opts.check(); err != nil {
		return nil, err
	}
	f := &tlsFiles{opts: opts, made: time.Now()}
	for _, path := range []string{opts.CAFile, opts.CertFile, opts.KeyFile} {
		if path != "" {
			f.paths = append(f.paths, path)
		}
	}
	v, err := f.load()
	if err != nil {
		return nil, err
	}
	f.version.Store(v)
	f.nextLook.Store(int64(lookEvery))
	return f, nil
}

// noTLSFiles are those of a check without options: the system's roots are trusted, and every handshake brings its name.
func noTLSFiles() *tlsFiles {
	f := new(tlsFiles)
	f.version.Store(new(tlsVersion))
	return f
}

// current returns what to make a handshake with now.
func (f *tlsFiles) current() *tlsVersion {
	if len(f.paths) > 0 {
		// One of the probes that come by after lookEvery looks; the others do not wait for it.
		now, due := int64(time.Since(f.made)), f.nextLook.Load()
		if now >= due && f.nextLook.CompareAndSwap(due, now+int64(lookEvery)) {
			f.look()
		}
	}
	return f.version.Load()
}

// look loads the files if they changed. If they cannot be used, it will try again the next time: they may be half-written.
func (f *tlsFiles) look() {
	if stamp.Of(f.paths).Equal(f.version.Load().files) {
		f.trouble.Store(nil)
		return
	}
	v, err := f.load()
	if err != nil {
		f.trouble.Store(&err)
		return
	}
	f.version.Store(v)
	f.trouble.Store(nil)
}

func (f *tlsFiles) reloadError() error {
	if err := f.trouble.Load(); err != nil {
		return *err
	}
	return nil
}

// keyed is what a check's key says behind its name: the contents of the files in use.
func (f *tlsFiles) keyed() string {
	if digest := f.version.Load().digest; digest != "" {
		return " files " + digest
	}
	return ""
}

// maxTLSFile is the largest file read, in bytes: the certificates of all authorities that browsers know are a quarter of it.
const maxTLSFile = 1 << 20

// load reads the files.
func (f *tlsFiles) load() (*tlsVersion, error) {
	v := &tlsVersion{files: stamp.Of(f.paths), insecure: f.opts.Insecure, expiry: f.opts.Expiry > 0}
	contents := make(map[string][]byte, len(f.paths))
	sum := sha256.New()
	for _, path := range f.paths {
		data, err := stamp.Read(path, maxTLSFile)
		if err != nil {
			return nil, err
		}
		contents[path] = data
		fmt.Fprintf(sum, "%d:", len(data))
		sum.Write(data)
	}
	if len(f.paths) > 0 {
		v.digest = hex.EncodeToString(sum.Sum(nil)[:16])
	}

	var err error
	if f.opts.CAFile != "" {
		if v.roots, v.listed, err = certPool(contents[f.opts.CAFile]); err != nil {
			return nil, fmt.Errorf("ca %s: %w", f.opts.CAFile, err)
		}
	}
	if f.opts.CertFile != "" {
		if v.client, err = tls.X509KeyPair(contents[f.opts.CertFile], contents[f.opts.KeyFile]); err != nil {
			return nil, fmt.Errorf("cert %s with key %s: %s", f.opts.CertFile, f.opts.KeyFile, bare(err))
		}
	}
	return v, nil
}

// certPool reads the certificates of a PEM file. Unlike AppendCertsFromPEM it lets none be bad.
func certPool(data []byte) (*x509.CertPool, []*x509.Certificate, error) {
	if len(bytes.TrimSpace(data)) == 0 {
		return nil, nil, errors.New("the file is empty")
	}
	pool := x509.NewCertPool()
	var listed []*x509.Certificate
	for {
		var block *pem.Block
		block, data = pem.Decode(data)
		if block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			continue
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, nil, fmt.Errorf("certificate %d: %w", len(listed)+1, err)
		}
		pool.AddCert(cert)
		listed = append(listed, cert)
	}
	if len(listed) == 0 {
		return nil, nil, errors.New("no certificate in it; it must hold PEM blocks of type CERTIFICATE")
	}
	return pool, listed, nil
}

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

// tlsFiles is the tls.Config of a check, made anew when one of its files changes.
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
	config *tls.Config
	files  stamp.Files // as they were before they were read
	digest string
}

func newTLSFiles(opts TLSOptions) (*tlsFiles, error) {
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

// current returns the configuration for a handshake now.
func (f *tlsFiles) current() *tls.Config {
	if len(f.paths) > 0 {
		// One of the probes that come by after lookEvery looks; the others do not wait for it.
		now, due := int64(time.Since(f.made)), f.nextLook.Load()
		if now >= due && f.nextLook.CompareAndSwap(due, now+int64(lookEvery)) {
			f.look()
		}
	}
	return f.version.Load().config
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

// digest identifies the contents of the files in use; empty when there are none.
func (f *tlsFiles) digest() string { return f.version.Load().digest }

// maxTLSFile is the largest file read, in bytes: the certificates of all authorities that browsers know are a quarter of it.
const maxTLSFile = 1 << 20

// load reads the files and makes a configuration of them. There is no session cache: a resumed session would hide a certificate that
// was replaced or has expired.
func (f *tlsFiles) load() (*tlsVersion, error) {
	v := &tlsVersion{files: stamp.Of(f.paths), config: &tls.Config{
		MinVersion:         tls.VersionTLS12,
		ServerName:         f.opts.ServerName,
		InsecureSkipVerify: f.opts.Insecure,
	}}
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

	if f.opts.CAFile != "" {
		pool, err := certPool(contents[f.opts.CAFile])
		if err != nil {
			return nil, fmt.Errorf("ca %s: %w", f.opts.CAFile, err)
		}
		v.config.RootCAs = pool
	}
	var client tls.Certificate
	if f.opts.CertFile != "" {
		var err error
		client, err = tls.X509KeyPair(contents[f.opts.CertFile], contents[f.opts.KeyFile])
		if err != nil {
			return nil, fmt.Errorf("cert %s with key %s: %s", f.opts.CertFile, f.opts.KeyFile, bare(err))
		}
	}
	v.config.GetClientCertificate = present(client)
	return v, nil
}

// certPool reads the certificates of a PEM file. Unlike AppendCertsFromPEM it lets none be bad.
func certPool(data []byte) (*x509.CertPool, error) {
	if len(bytes.TrimSpace(data)) == 0 {
		return nil, errors.New("the file is empty")
	}
	pool, n := x509.NewCertPool(), 0
	for {
		var block *pem.Block
		block, data = pem.Decode(data)
		if block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			continue
		}
		n++
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("certificate %d: %w", n, err)
		}
		pool.AddCert(cert)
	}
	if n == 0 {
		return nil, errors.New("no certificate in it; it must hold PEM blocks of type CERTIFICATE")
	}
	return pool, nil
}

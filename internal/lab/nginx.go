package lab

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// nginxSnippet is the one in docs/ADMIN.md.
var nginxSnippet = regexp.MustCompile("(?s)\nnginx:\n\n```\n(.*?)```")

// Nginx runs Debian's nginx with the snippet for pages in docs/ADMIN.md, in front of backend, a loopback address. It returns
// the URL of the pages, and the access log of the server with the snippet.
func Nginx(t testing.TB, backend string) (public, accessLog string) {
	t.Helper()
	page, err := os.ReadFile(filepath.Join(root(t), "docs", "ADMIN.md"))
	if err != nil {
		t.Fatal(err)
	}
	snippet := nginxSnippet.FindSubmatch(page)
	if snippet == nil || strings.Count(string(snippet[1]), "127.0.0.1:9478") != 1 {
		t.Fatal("docs/ADMIN.md has no snippet for nginx, or one that leads elsewhere")
	}
	dir, port := t.TempDir(), Port(t)
	accessLog = filepath.Join(dir, "access.log")
	location := strings.Replace(string(snippet[1]), "127.0.0.1:9478", backend, 1)
	config := fmt.Sprintf(nginxConfig, dir, loopback(port), accessLog, location)
	path := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	proxy, err := start("nginx", filepath.Join(dir, "nginx.out"), nil, program(t, "nginx", "/usr/sbin/nginx"), "-p", dir, "-c", path, "-e", filepath.Join(dir, "error.log"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { proxy.stop(5 * time.Second) })
	if err := proxy.await(10*time.Second, func() bool { return listening(loopback(port)) }); err != nil {
		t.Fatalf("%v\n%s", err, tail(proxy.log, 20))
	}
	return "http://" + loopback(port) + "/tocsin", accessLog
}

// Other requests are logged, so that the log's silence means something.
const nginxConfig = `daemon off;
master_process off;
pid %[1]s/nginx.pid;
events {}
http {
  client_body_temp_path %[1]s/body;
  proxy_temp_path %[1]s/proxy;
  fastcgi_temp_path %[1]s/fastcgi;
  uwsgi_temp_path %[1]s/uwsgi;
  scgi_temp_path %[1]s/scgi;
  server {
    listen %[2]s;
    access_log %[3]s;
    location / { return 204; }
%[4]s
  }
}
`

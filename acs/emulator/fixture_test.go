// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package emulator_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	chatVersion     = "api-version=2025-03-15"
	identityVersion = "api-version=2023-10-01"
	sampleUser      = "8:acs:" + emulator.DefaultResourceID + "_00000000-0000-4000-8000-000000000001"
	otherSampleUser = "8:acs:" + emulator.DefaultResourceID + "_00000000-0000-4000-8000-000000000002"
	foreignUser     = "8:acs:00000000-1111-2222-3333-444444444444_55555555-6666-7777-8888-999999999999"
)

// fixture is a server and a plain HTTP client for it.
type fixture struct {
	*testing.T
	emu    *emulator.Server
	server *httptest.Server
	clock  *clock
}

// clock stands still unless a test advances it.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func start(t *testing.T, options emulator.Options) *fixture {
	t.Helper()
	f := &fixture{T: t, clock: &clock{now: time.Date(2026, 3, 4, 5, 6, 7, 891_000_000, time.UTC)}}
	options.Clock = f.clock.Now
	f.emu = emulator.New(options)
	f.server = httptest.NewServer(f.emu)
	t.Cleanup(f.server.Close)
	return f
}

// call is a request; api-version and Content-Type have defaults for the path.
type call struct {
	method, path, body string
	token              string
	signed             bool
	header             http.Header
}

type reply struct {
	status int
	header http.Header
	body   string
}

// field returns the value at the keys and indices in the body.
func (r reply) field(path ...any) any {
	var value any
	if json.Unmarshal([]byte(r.body), &value) != nil {
		return nil
	}
	for _, step := range path {
		switch step := step.(type) {
		case string:
			object, _ := value.(map[string]any)
			value = object[step]
		case int:
			list, _ := value.([]any)
			if step >= len(list) {
				return nil
			}
			value = list[step]
		}
	}
	return value
}

// at returns a part of a body by keys and indices with dots between them.
func (f *fixture) at(r reply, path string) any {
	f.Helper()
	var steps []any
	for step := range strings.SplitSeq(path, ".") {
		if i, err := strconv.Atoi(step); err == nil {
			steps = append(steps, i)
		} else {
			steps = append(steps, step)
		}
	}
	return r.field(steps...)
}

// wants compares parts of a body.
func (f *fixture) wants(r reply, parts map[string]any) {
	f.Helper()
	for path, want := range parts {
		if got := f.at(r, path); got != want {
			f.Errorf("%s is %v, want %v; %s", path, got, want, r.body)
		}
	}
}

func (f *fixture) request(c call) *http.Request {
	f.Helper()
	c.path = f.url(c.path)
	request, err := http.NewRequestWithContext(f.Context(), c.method, c.path, strings.NewReader(c.body))
	if err != nil {
		f.Fatal(err)
	}
	if c.body != "" {
		request.Header.Set("Content-Type", "application/json")
		if c.method == http.MethodPatch {
			request.Header.Set("Content-Type", "application/merge-patch+json")
		}
	}
	if c.token != "" {
		request.Header.Set("Authorization", "Bearer "+c.token)
	}
	if c.signed {
		sign(request, c.body, f.emu.AccessKey(), f.clock.Now())
	}
	for name, values := range c.header {
		request.Header[http.CanonicalHeaderKey(name)] = values
	}
	return request
}

// url completes a path; the links that the emulator returns are complete.
func (f *fixture) url(path string) string {
	if strings.HasPrefix(path, "http") {
		return path
	}
	if !strings.Contains(path, "api-version") {
		separator, version := "?", chatVersion
		if strings.Contains(path, "?") {
			separator = "&"
		}
		if strings.HasPrefix(path, "/identities") || strings.HasPrefix(path, "/teamsUser") {
			version = identityVersion
		}
		path += separator + version
	}
	return f.server.URL + path
}

// sign follows the service's documentation, independently of the emulator's code.
func sign(request *http.Request, body, accessKey string, now time.Time) {
	hash := sha256.Sum256([]byte(body))
	content := base64.StdEncoding.EncodeToString(hash[:])
	date := now.UTC().Format(http.TimeFormat)
	key, _ := base64.StdEncoding.DecodeString(accessKey)
	mac := hmac.New(sha256.New, key)
	mac.Write(fmt.Appendf(nil, "%s\n%s\n%s;%s;%s", request.Method, request.URL.RequestURI(), date, request.URL.Host, content))
	request.Header.Set("x-ms-date", date)
	request.Header.Set("x-ms-content-sha256", content)
	request.Header.Set("Authorization", "HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature="+
		base64.StdEncoding.EncodeToString(mac.Sum(nil)))
}

func (f *fixture) send(c call) reply {
	f.Helper()
	r, err := f.try(f.request(c))
	if err != nil {
		f.Fatal(err)
	}
	return r
}

func (f *fixture) try(request *http.Request) (reply, error) {
	response, err := f.server.Client().Do(request)
	if err != nil {
		return reply{}, err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	return reply{response.StatusCode, response.Header, string(body)}, err
}

// chat makes a Chat call, which must return the status.
func (f *fixture) chat(want int, token, method, path, body string) reply {
	f.Helper()
	r := f.send(call{method: method, path: path, body: body, token: token})
	if r.status != want {
		f.Fatalf("%s %s %s: status %d, want %d; body %s", method, path, body, r.status, want, r.body)
	}
	return r
}

// user creates an identity with a token for the scopes; the default is chat.
func (f *fixture) user(scopes ...string) (id, token string) {
	f.Helper()
	if len(scopes) == 0 {
		scopes = []string{"chat"}
	}
	body := `{"createTokenWithScopes":["` + strings.Join(scopes, `","`) + `"]}`
	r := f.send(call{method: http.MethodPost, path: "/identities", body: body, signed: true})
	id, _ = r.field("identity", "id").(string)
	token, _ = r.field("accessToken", "token").(string)
	if r.status != http.StatusCreated || id == "" || token == "" {
		f.Fatalf("create identity: %d %s", r.status, r.body)
	}
	return id, token
}

// thread creates a thread and returns its path.
func (f *fixture) thread(token, body string) string {
	f.Helper()
	r := f.chat(http.StatusCreated, token, http.MethodPost, "/chat/threads", body)
	id, _ := r.field("chatThread", "id").(string)
	return "/chat/threads/" + escape(id)
}

func escape(id string) string {
	return strings.NewReplacer(":", "%3A", "@", "%40").Replace(id)
}

func unescape(path string) string {
	path = strings.TrimPrefix(path, "/chat/threads/")
	return strings.NewReplacer("%3A", ":", "%40", "@").Replace(path)
}

// participants returns a request body that lists users only by their nested model.
func participants(ids ...string) string {
	list := make([]string, len(ids))
	for i, id := range ids {
		list[i] = fmt.Sprintf(`{"communicationIdentifier":{"communicationUser":{"id":%q}}}`, id)
	}
	return `{"participants":[` + strings.Join(list, ",") + `]}`
}

// sampleUsers returns users of the resource that were never created.
func sampleUsers(n int) []string {
	ids := make([]string, n)
	for i := range ids {
		ids[i] = fmt.Sprintf("8:acs:%s_00000000-0000-4000-9000-%012x", emulator.DefaultResourceID, i)
	}
	return ids
}

// startOther serves another emulator.
func startOther(t *testing.T, emu *emulator.Server) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(emu)
	t.Cleanup(server.Close)
	return server
}

// serve handles a request without a connection.
func serve(t *testing.T, handler http.Handler, request *http.Request) *httptest.ResponseRecorder {
	t.Helper()
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, request)
	return recorder
}

// vectorRequest is the request of the published signature vector.
func vectorRequest(t *testing.T, body, signature string) *http.Request {
	t.Helper()
	request := httptest.NewRequestWithContext(t.Context(), http.MethodPost,
		"https://contoso.communication.azure.com/identities?api-version=2023-10-01", strings.NewReader(body))
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("x-ms-date", "Thu, 26 May 2022 07:59:25 GMT")
	request.Header.Set("x-ms-content-sha256", "WTRvgEjjVd+bvyKw3WgXgDkU81aV8FWq+4/BE+he0+A=")
	request.Header.Set("Authorization", "HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature="+signature)
	return request
}

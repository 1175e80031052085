// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"fmt"
	"net"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
)

// DefaultEndpointSuffixes are the domains of ACS in the public and the sovereign clouds.
var DefaultEndpointSuffixes = []string{
	".communication.azure.com",
	".communication.azure.us",
	".communication.azure.cn",
}

// EndpointRules say to which hosts the operator may talk. An entry that starts with a dot is a
// suffix of hosts at port 443; any other is a whole host, with its port if that is not 443.
type EndpointRules []string

// ParseEndpointRules reads the value of the flag --allowed-endpoint-suffixes.
func ParseEndpointRules(value string) (EndpointRules, error) {
	var rules EndpointRules
	for entry := range strings.SplitSeq(value, ",") {
		entry = strings.ToLower(strings.TrimSpace(entry))
		if entry == "" {
			continue
		}
		host, port, hasPort := strings.TrimPrefix(entry, "."), "", false
		if at := strings.LastIndexByte(host, ':'); at >= 0 && !strings.HasSuffix(host, "]") {
			host, port, hasPort = host[:at], host[at+1:], true
		}
		number, err := strconv.ParseUint(port, 10, 16)
		if !isHost(host) || hasPort && (err != nil || number == 0) {
			return nil, fmt.Errorf("%q is neither a suffix such as .communication.azure.com nor a host such as 127.0.0.1:8443", entry)
		}
		if strings.HasPrefix(entry, ".") && hasPort {
			return nil, fmt.Errorf("%q: a suffix has no port; name the whole host", entry)
		}
		rules = append(rules, strings.TrimSuffix(entry, ":443"))
	}
	return rules, nil
}

// hostname is the name of a host as it is in DNS: other letters, of which a library might make a
// name, do not count.
var hostname = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`)

// isHost reports whether text is a host name or an IP address, with brackets for version 6.
func isHost(text string) bool {
	if inner, ok := strings.CutPrefix(text, "["); ok {
		inner, ok = strings.CutSuffix(inner, "]")
		return ok && net.ParseIP(inner) != nil
	}
	return hostname.MatchString(text)
}

// Check returns an outcome.Stalled unless the operator may send credentials to the endpoint.
func (rules EndpointRules) Check(endpoint string) error {
	u, err := url.Parse(endpoint)
	if err != nil || u.Hostname() == "" || u.User != nil {
		return &outcome.Stalled{Reason: chatv1alpha1.ReasonInvalidConnectionString, Message: "The endpoint is not a URL such as https://contoso.communication.azure.com."}
	}
	if u.Scheme != "https" {
		return &outcome.Stalled{Reason: chatv1alpha1.ReasonEndpointNotAllowed,
			Message: fmt.Sprintf("The endpoint %s is not https; tokens are sent over https only.", outcome.Sanitize(endpoint, outcome.MaxMessage))}
	}
	host := strings.TrimSuffix(strings.ToLower(u.Host), ":443")
	for _, rule := range rules {
		if !isHost(strings.TrimSuffix(host, ":"+u.Port())) {
			break
		}
		// A host that still has a port here matches no suffix.
		isSuffix := strings.HasPrefix(rule, ".")
		if !isSuffix && host == rule || isSuffix && strings.HasSuffix(host, rule) {
			return nil
		}
	}
	return &outcome.Stalled{Reason: chatv1alpha1.ReasonEndpointNotAllowed,
		Message: fmt.Sprintf("The operator may not talk to %s; its flag --allowed-endpoint-suffixes allows %s.", outcome.Sanitize(host, outcome.MaxMessage), strings.Join(rules, ", "))}
}

// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
)

// config holds the values of the flags.
type config struct {
	listen               string
	tlsDir               string
	connectionStringFile string
	accessKeyFile        string
	resourceID           string
	quotas               bool
	latency              time.Duration
	listDelay            time.Duration
	revocationDelay      time.Duration
	withKind             bool
	specErrors           bool
	stateFile            string
	adminListen          string
	adminRemote          bool
	showVersion          bool
}

// parseFlags reads the flags. Its errors name the invalid flag.
func parseFlags(args []string, usage io.Writer) (config, error) {
	c := config{quotas: true}
	set := flag.NewFlagSet("acs-emulator", flag.ContinueOnError)
	set.StringVar(&c.listen, "listen", "127.0.0.1:8443", "`host:port` to listen on; port 0 takes a free one")
	set.StringVar(&c.tlsDir, "tls-dir", "",
		"serve https and write the certificate authority to trust to ca.pem in this `directory`; without it, plain http")
	set.StringVar(&c.connectionStringFile, "connection-string-file", "",
		"write the connection string to this `file` once the emulator is ready")
	set.StringVar(&c.accessKeyFile, "access-key-file", "",
		"`file` with the access key, in base64; a key that a state file has replaces it; without either, a random key")
	set.StringVar(&c.resourceID, "resource-id", emulator.DefaultResourceID, "`GUID` of the emulated resource")
	set.Func("quotas", "enforce the service's rate limits: `on or off` (default on)", func(value string) error {
		if value != "on" && value != "off" {
			return errors.New("must be on or off")
		}
		c.quotas = value == "on"
		return nil
	})
	set.DurationVar(&c.latency, "latency", 0, "`duration` added to each answer")
	set.DurationVar(&c.listDelay, "list-delay", 0, "`duration` until what is new appears in lists")
	set.DurationVar(&c.revocationDelay, "revocation-delay", 0, "`duration` for which tokens that were revoked still count")
	set.BoolVar(&c.withKind, "with-kind", false, "add kind to the identifiers in answers, as the specification has it")
	set.BoolVar(&c.specErrors, "spec-errors", false, "send Chat's errors as the specification, and not the service, has them")
	set.StringVar(&c.stateFile, "state-file", "",
		"`file` to load the state from at the start, if it is there, and to save it to at the end; it holds keys")
	set.StringVar(&c.adminListen, "admin-listen", "",
		"`host:port` of this machine to serve the admin endpoints on, without TLS and to anybody who reaches it; without it, nowhere")
	set.BoolVar(&c.showVersion, "version", false, "print the version and exit")
	set.BoolVar(&c.adminRemote, "admin-remote", false, "let --admin-listen be an address that other machines reach")
	// The flag set would print an error followed by the whole usage, which hides it.
	set.SetOutput(io.Discard)
	err := set.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		set.SetOutput(usage)
		set.Usage()
	}
	if err != nil {
		return config{}, err
	}
	if set.NArg() > 0 {
		return config{}, fmt.Errorf("unexpected argument %q", set.Arg(0))
	}
	return c, c.check()
}

func (c config) check() error {
	if err := checkAddress("--listen", c.listen); err != nil {
		return err
	}
	if c.adminListen != "" {
		if err := checkAddress("--admin-listen", c.adminListen); err != nil {
			return err
		}
		if !c.adminRemote && !loopback(c.adminListen) {
			return fmt.Errorf("--admin-listen %q: other machines would reach it; use 127.0.0.1, or --admin-remote", c.adminListen)
		}
	}
	// Package uuid also accepts longer and shorter forms.
	if len(c.resourceID) != len(emulator.DefaultResourceID) || uuid.Validate(c.resourceID) != nil {
		return fmt.Errorf("--resource-id %q: must be a GUID", c.resourceID)
	}
	for name, given := range map[string]time.Duration{
		"--latency": c.latency, "--list-delay": c.listDelay, "--revocation-delay": c.revocationDelay,
	} {
		if given < 0 {
			return fmt.Errorf("%s %s: must not be negative", name, given)
		}
	}
	return nil
}

func checkAddress(name, address string) error {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("%s %q: must be host:port", name, address)
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return fmt.Errorf("%s %q: the port must be a number from 0 to 65535", name, address)
	}
	return nil
}

// loopback reports whether an address is reachable only from this machine.
func loopback(address string) bool {
	host, _, _ := net.SplitHostPort(address) // it is checked before
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

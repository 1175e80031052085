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

// config is what the flags say.
type config struct {
	listen               string
	tlsDir               string
	connectionStringFile string
	resourceID           string
	quotas               bool
	latency              time.Duration
}

// parseFlags reads the flags. Its errors name the flag that is wrong.
func parseFlags(args []string, usage io.Writer) (config, error) {
	c := config{quotas: true}
	set := flag.NewFlagSet("acs-emulator", flag.ContinueOnError)
	set.StringVar(&c.listen, "listen", "127.0.0.1:8443", "`host:port` to listen on; port 0 takes a free one")
	set.StringVar(&c.tlsDir, "tls-dir", "",
		"serve https and write the certificate authority to trust to ca.pem in this `directory`; without it, plain http")
	set.StringVar(&c.connectionStringFile, "connection-string-file", "",
		"write the connection string to this `file` once the emulator is ready")
	set.StringVar(&c.resourceID, "resource-id", emulator.DefaultResourceID, "`GUID` of the emulated resource")
	set.Func("quotas", "enforce the service's rate limits: `on or off` (default on)", func(value string) error {
		if value != "on" && value != "off" {
			return errors.New("must be on or off")
		}
		c.quotas = value == "on"
		return nil
	})
	set.DurationVar(&c.latency, "latency", 0, "`duration` added to each answer")
	// The flag set would print an error followed by the whole usage, which buries it.
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
	_, port, err := net.SplitHostPort(c.listen)
	if err != nil {
		return fmt.Errorf("--listen %q: must be host:port", c.listen)
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return fmt.Errorf("--listen %q: the port must be a number from 0 to 65535", c.listen)
	}
	// uuid also knows longer and shorter forms.
	if len(c.resourceID) != len(emulator.DefaultResourceID) || uuid.Validate(c.resourceID) != nil {
		return fmt.Errorf("--resource-id %q: must be a GUID", c.resourceID)
	}
	if c.latency < 0 {
		return fmt.Errorf("--latency %s: must not be negative", c.latency)
	}
	return nil
}

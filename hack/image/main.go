// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

// Command image builds the container images of this project without a container engine, and pushes
// them to a registry. The same sources give the same bytes, wherever and whenever they are built.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/acs-operator/acs-chat-operator/hack/programs"
)

const usage = `Usage, in hack/image:
  image build -program NAME -version VERSION -revision COMMIT -created TIME -out DIRECTORY
  image push -layout DIRECTORY -image REFERENCE
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	switch {
	case errors.Is(err, errUsage):
		fmt.Fprint(os.Stderr, usage)
		os.Exit(2)
	case err != nil:
		fmt.Fprintln(os.Stderr, "image:", err)
		os.Exit(1)
	}
}

var errUsage = errors.New("called with another command than build or push")

func run(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return errUsage
	}
	switch args[0] {
	case "build":
		return runBuild(ctx, args[1:])
	case "push":
		return runPush(ctx, args[1:])
	default:
		return errUsage
	}
}

func runBuild(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("build", flag.ContinueOnError)
	var release programs.Release
	name := flags.String("program", "", "`name` of the program: "+strings.Join(programNames(), " or "))
	flags.StringVar(&release.Version, "version", "", "`version` of the release, as in v0.1.0; empty for a build from a clone")
	flags.StringVar(&release.Revision, "revision", "", "`commit` of the sources")
	created := flags.String("created", time.Unix(0, 0).UTC().Format(time.RFC3339), "`time` of the commit")
	out := flags.String("out", "", "`directory` to write the OCI layout to")
	if err := flags.Parse(args); err != nil {
		return err
	}
	i := slices.IndexFunc(programs.All(), func(p programs.Program) bool { return p.Name == *name })
	if i < 0 {
		return fmt.Errorf("flag -program: %q is none of %s", *name, strings.Join(programNames(), ", "))
	}
	if *out == "" {
		return errors.New("flag -out: name a directory")
	}
	var err error
	if release.Created, err = time.Parse(time.RFC3339, *created); err != nil {
		return fmt.Errorf("flag -created: %w", err)
	}
	index, err := buildIndex(ctx, programs.All()[i], release)
	if err != nil {
		return err
	}
	digest, err := writeLayout(*out, index, release)
	if err != nil {
		return err
	}
	fmt.Println("image:", *name, digest, strings.Trim(fmt.Sprint(platforms), "[]"))
	return nil
}

func programNames() (names []string) {
	for _, p := range programs.All() {
		names = append(names, p.Name)
	}
	return names
}

func runPush(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("push", flag.ContinueOnError)
	layout := flags.String("layout", "", "`directory` of the OCI layout")
	image := flags.String("image", "", "`reference` to push it to, with a tag")
	if err := flags.Parse(args); err != nil {
		return err
	}
	reference, err := push(ctx, *layout, *image)
	if err != nil {
		return err
	}
	fmt.Println("image: pushed", reference)
	return nil
}

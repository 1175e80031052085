// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

// Command dist writes the files of a release: manifests, schemas, chart, programs, bills of
// materials and checksums. The same sources give the same bytes. It expects the images and the
// tools that `make dist` builds before.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"syscall"
	"time"

	"github.com/acs-operator/acs-chat-operator/hack/programs"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	d := &dist{}
	err := d.parse(os.Args[1:])
	if err == nil {
		err = d.write(ctx)
	}
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "dist:", err)
		os.Exit(1)
	}
}

// dist is the directory of a release that is being written.
type dist struct {
	release  programs.Release
	out      string
	registry string // the images are there, under the names of the programs
	images   string // the directory with their OCI layouts
	builder  string // kustomize
	sbom     string // cyclonedx-gomod
	all      bool   // the programs for all platforms, not only for this one
}

// platforms are those that programs are released for.
func (d *dist) platforms() (all []programs.Platform) {
	if !d.all {
		return []programs.Platform{programs.Host()}
	}
	for _, system := range []string{"linux", "darwin", "windows"} {
		for _, processor := range []string{"amd64", "arm64"} {
			all = append(all, programs.Platform{OS: system, Arch: processor})
		}
	}
	return all
}

const checksumsFile = "checksums.txt"

var versionForm = regexp.MustCompile(`^v\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$`)

func (d *dist) parse(args []string) error {
	flags := flag.NewFlagSet("dist", flag.ContinueOnError)
	flags.StringVar(&d.release.Version, "version", "", "`version` of the release, as in v0.1.0")
	flags.StringVar(&d.release.Revision, "revision", "", "`commit` of the sources")
	created := flags.String("created", time.Unix(0, 0).UTC().Format(time.RFC3339), "`time` of the commit")
	flags.StringVar(&d.out, "out", "dist", "`directory` to write to")
	flags.StringVar(&d.registry, "registry", "", "`registry` with the images, and the path before their names")
	flags.StringVar(&d.images, "images", "bin/images", "`directory` with the OCI layouts of the images")
	flags.StringVar(&d.builder, "kustomize", "", "`path` of kustomize")
	flags.StringVar(&d.sbom, "sbom", "", "`path` of cyclonedx-gomod")
	flags.BoolVar(&d.all, "all", true, "build the programs for all platforms; false: only for this one")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if !versionForm.MatchString(d.release.Version) {
		return fmt.Errorf("VERSION: %q is no version; give one as in `make dist VERSION=v0.1.0`", d.release.Version)
	}
	for name, value := range map[string]string{"registry": d.registry, "kustomize": d.builder, "sbom": d.sbom} {
		if value == "" {
			return fmt.Errorf("flag -%s: give a value", name)
		}
	}
	var err error
	if d.release.Created, err = time.Parse(time.RFC3339, *created); err != nil {
		return fmt.Errorf("flag -created: %w", err)
	}
	return nil
}

// write writes all files, in place of those of an earlier run.
func (d *dist) write(ctx context.Context) error {
	if err := d.empty(); err != nil {
		return err
	}
	if err := os.MkdirAll(d.out, 0o755); err != nil { //nolint:gosec // published files
		return err
	}
	for _, step := range []struct {
		what string
		do   func(context.Context) error
	}{
		{"manifests", d.writeManifests},
		{"schemas", d.writeSchemas},
		{"files for other tools", d.copyForOtherTools},
		{"chart", d.writeChart},
		{"bills of materials", d.writeMaterials},
		{"programs", d.writePrograms},
		{"checksums", d.writeChecksums},
	} {
		if err := step.do(ctx); err != nil {
			return fmt.Errorf("%s: %w", step.what, err)
		}
	}
	return d.print()
}

// empty removes the files of an earlier run, and nothing else.
func (d *dist) empty() error {
	names, err := d.files()
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if len(names) > 0 && !slices.Contains(names, checksumsFile) {
		return fmt.Errorf("flag -out: %s has files, and none of them is the %s of an earlier run; name another directory", d.out, checksumsFile)
	}
	return os.RemoveAll(d.out)
}

// print lists the files and their sizes.
func (d *dist) print() error {
	names, err := d.files()
	if err != nil {
		return err
	}
	for _, name := range names {
		info, err := os.Stat(d.path(name))
		if err != nil {
			return err
		}
		fmt.Printf("%9.1f KB  %s\n", float64(info.Size())/1000, d.path(name))
	}
	return nil
}

func (d *dist) path(name string) string { return filepath.Join(d.out, name) }

// files returns the names of the files, sorted.
func (d *dist) files() ([]string, error) {
	entries, err := os.ReadDir(d.out)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	slices.Sort(names)
	return names, nil
}

// save writes one file of the release.
func (d *dist) save(name string, content []byte) error {
	if len(content) == 0 {
		return errors.New(name + " would be empty")
	}
	return os.WriteFile(d.path(name), content, 0o644) //nolint:gosec // published files
}

// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

// Package customizations contains the health checks and actions of Argo CD for the kinds of the
// operator, in the form in which Argo CD itself keeps them.
package customizations

import (
	"embed"
	"io/fs"
)

//go:embed resource_customizations
var files embed.FS

// Files has a directory for each group, and in it one for each kind.
func Files() (fs.FS, error) { return fs.Sub(files, "resource_customizations") }

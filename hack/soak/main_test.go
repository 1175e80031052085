// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

//go:build soak

package soak

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
)

// root is the path to the programs.
const root = "../.."

// Settings of the caller: the duration of the chaos, and the seed of its random numbers.
var (
	duration = 3 * time.Minute
	seed     = rand.Uint64() //nolint:gosec // random, not secret
)

func TestMain(m *testing.M) {
	if err := prepare(); err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		os.Exit(2)
	}
	os.Exit(m.Run())
}

func prepare() error {
	ctrl.SetLogger(zap.New(zap.WriteTo(os.Stderr)))
	if err := os.Chdir(root); err != nil {
		return err
	}
	if text := os.Getenv("DURATION"); text != "" {
		given, err := time.ParseDuration(text)
		if err != nil {
			return fmt.Errorf("DURATION: %w", err)
		}
		duration = given
	}
	if text := os.Getenv("SEED"); text != "" {
		given, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			return fmt.Errorf("SEED: %w", err)
		}
		seed = given
	}
	return nil
}

// chance returns random numbers that the seed determines; each stream has numbers of its own.
func chance(stream int) *rand.Rand {
	return rand.New(rand.NewPCG(seed, uint64(stream))) //nolint:gosec // random, not secret; streams are small
}

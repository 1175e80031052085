// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package shards

import (
	"maps"
	"slices"
	"strings"
)

// All stands for all namespaces.
const All = "*"

// Namespaces are names of namespaces, or All.
type Namespaces []string

// Contains reports whether a namespace is one of these.
func (n Namespaces) Contains(namespace string) bool {
	return slices.Contains(n, All) || slices.Contains(n, namespace)
}

// overlaps reports whether a claim of a namespace, or of All, contradicts these.
func (n Namespaces) overlaps(namespace string) bool {
	return n.Contains(namespace) || namespace == All && len(n) > 0
}

// claim is what one shard holds.
type claim struct {
	// leader is the process that wrote the claim. A new leader writes it again, which makes a takeover
	// fail that judged the shard by its former leader.
	leader     string
	namespaces Namespaces
}

// claims are those of all shards, by the name of the shard.
type claims map[string]claim

// The annotations of a shard are its name with these suffixes: the name of a Lease is a valid
// prefix of an annotation, and too long for the rest of one.
const (
	namespacesSuffix = "/namespaces"
	leaderSuffix     = "/leader"
)

func parseClaims(annotations map[string]string) claims {
	c := claims{}
	for key, value := range annotations {
		if shard, ok := strings.CutSuffix(key, namespacesSuffix); ok {
			c[shard] = claim{leader: annotations[shard+leaderSuffix], namespaces: strings.Split(value, ",")}
		}
	}
	return c
}

// annotations returns the annotations with these claims. Others stay.
func (c claims) annotations(former map[string]string) map[string]string {
	annotations := map[string]string{}
	for key, value := range former {
		if !strings.HasSuffix(key, namespacesSuffix) && !strings.HasSuffix(key, leaderSuffix) {
			annotations[key] = value
		}
	}
	for shard, claim := range c {
		annotations[shard+namespacesSuffix] = strings.Join(claim.namespaces, ",")
		annotations[shard+leaderSuffix] = claim.leader
	}
	return annotations
}

// rivals returns the other shards whose claims contradict the wanted namespaces.
func (c claims) rivals(shard string, wanted Namespaces) []string {
	rivals := map[string]bool{}
	for _, namespace := range wanted {
		for _, rival := range c.holders(shard, namespace) {
			rivals[rival] = true
		}
	}
	return slices.Sorted(maps.Keys(rivals))
}

// holders returns the other shards that keep a shard from a namespace.
func (c claims) holders(shard, namespace string) []string {
	var holders []string
	for _, other := range slices.Sorted(maps.Keys(c)) {
		if other != shard && c[other].namespaces.overlaps(namespace) {
			holders = append(holders, other)
		}
	}
	return holders
}

// free removes the claims of a dead shard that contradict the wanted namespaces.
func (c claims) free(dead string, wanted Namespaces) {
	left := claim{leader: c[dead].leader}
	for _, namespace := range c[dead].namespaces {
		if !wanted.overlaps(namespace) {
			left.namespaces = append(left.namespaces, namespace)
		}
	}
	c.put(dead, left)
}

// set makes the claim of a shard: the wanted namespaces that no other shard claims. It drops those
// that are no longer wanted. A shard that wants all keeps what it has until it gets all.
func (c claims) set(shard, leader string, wanted Namespaces) (waits map[string][]string) {
	waits = map[string][]string{}
	own := claim{leader: leader}
	candidates := wanted
	if wanted.Contains(All) && len(c.holders(shard, All)) > 0 {
		waits[All] = c.holders(shard, All)
		candidates = c[shard].namespaces
	}
	for _, namespace := range candidates {
		if holders := c.holders(shard, namespace); len(holders) > 0 {
			waits[namespace] = holders
			continue
		}
		own.namespaces = append(own.namespaces, namespace)
	}
	c.put(shard, own)
	return waits
}

func (c claims) put(shard string, claim claim) {
	if len(claim.namespaces) == 0 {
		delete(c, shard)
		return
	}
	c[shard] = claim
}

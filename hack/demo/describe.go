// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/acs-operator/acs-chat-operator/acs"
)

// ownerKey is the metadata key that names, on a thread, its ChatThread.
const ownerKey = "acsOperatorOwner"

// describe lists threads and their members, with the role of each user next to its name.
func describe(rooms []room, roles map[string]string) string {
	if len(rooms) == 0 {
		return "\nNo threads.\n"
	}
	slices.SortFunc(rooms, func(a, b room) int {
		return cmp.Or(a.CreatedOn.Compare(b.CreatedOn), strings.Compare(a.Topic, b.Topic), strings.Compare(a.ID, b.ID))
	})
	var text strings.Builder
	for _, r := range rooms {
		fmt.Fprintf(&text, "\n%q  %s\n  %s\n", r.Topic, r.ID, properties(r))
		table := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
		for _, m := range r.members {
			_, _ = fmt.Fprintf(table, "  %s\t%s\t%s\n", cmp.Or(m.DisplayName, "(no name)"), m.ID.RawID(), remark(m, roles))
		}
		_ = table.Flush() // a Builder never fails
	}
	return trimLines(text.String())
}

// properties returns one line with the properties other than topic and members.
func properties(r room) string {
	owner := "kept by no ChatThread"
	if r.Metadata[ownerKey] != "" {
		owner = "kept by ChatThread " + r.Metadata[ownerKey]
	}
	parts := []string{owner}
	for _, key := range slices.Sorted(maps.Keys(r.Metadata)) {
		if !strings.HasPrefix(key, "acsOperator") && r.Metadata[key] != "" {
			parts = append(parts, key+"="+r.Metadata[key])
		}
	}
	if p := r.RetentionPolicy; p != nil && p.Kind == acs.RetentionThreadCreationDate {
		parts = append(parts, fmt.Sprintf("deleted after %d days", p.DeleteThreadAfterDays))
	}
	return strings.Join(parts, ", ")
}

func remark(m acs.Participant, roles map[string]string) string {
	if role := roles[m.ID.RawID()]; role != "" {
		return role
	}
	// The service uses the earliest time for a member that sees the whole history.
	if m.ShareHistoryTime != nil && m.ShareHistoryTime.Unix() > 0 {
		return "sees messages from " + m.ShareHistoryTime.UTC().Format(time.RFC3339) + " on"
	}
	return ""
}

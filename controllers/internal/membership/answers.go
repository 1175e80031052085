// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package membership

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/acs-operator/acs-chat-operator/acs"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/plan"
)

// missingMembers returns the declared members that a list of the thread does not show.
func missingMembers(declared []plan.Member, listed []acs.Participant) []plan.Member {
	isMember := make(map[string]bool, len(listed))
	for _, p := range listed {
		isMember[acs.UserKey(p.ID.RawID())] = true
	}
	return slices.DeleteFunc(slices.Clone(declared), func(m plan.Member) bool { return isMember[m.Key()] })
}

// RefusalsByUser returns the refusals by user key.
func RefusalsByUser(refused []acs.InvalidParticipant) map[string]acs.InvalidParticipant {
	answers := make(map[string]acs.InvalidParticipant, len(refused))
	for _, answer := range refused {
		answers[acs.UserKey(answer.Target)] = answer
	}
	return answers
}

// SplitNamed separates the members that the answer to a failed call names from the others. The
// answer names them by id, or by their position in the request, in which `before` other
// participants come first. The result said holds the message of ACS on each of them.
func SplitNamed(err error, batch []plan.Member, before int) (named, rest []plan.Member, said map[string]string) {
	detail, _ := acs.Detail(err)
	all := acs.UserKey(detail.Message + " " + detail.Target)
	said = map[string]string{}
	for _, d := range detail.Details {
		if at, ok := placeIn(d.Target); ok && at >= before && at-before < len(batch) {
			said[batch[at-before].Key()] = d.Message
		}
		for _, m := range batch {
			if mentions(acs.UserKey(d.Message+" "+d.Target), m.Key()) {
				said[m.Key()] = d.Message
			}
		}
	}
	for _, m := range batch {
		if _, ok := said[m.Key()]; ok || mentions(all, m.Key()) {
			named = append(named, m)
			continue
		}
		rest = append(rest, m)
	}
	return named, rest, said
}

var participantPlace = regexp.MustCompile(`(?i)\bparticipants\[([0-9]{1,4})\]`)

// placeIn returns the position in the list of participants that the target of an error names.
func placeIn(target string) (int, bool) {
	found := participantPlace.FindStringSubmatch(target)
	if found == nil {
		return 0, false
	}
	at, err := strconv.Atoi(found[1])
	return at, err == nil
}

// mentions reports whether a text contains an id that is not merely the beginning of another one.
func mentions(text, id string) bool {
	for {
		at := strings.Index(text, id)
		if at < 0 {
			return false
		}
		text = text[at+len(id):]
		if text == "" || !strings.ContainsRune("0123456789abcdefghijklmnopqrstuvwxyz_-=", rune(text[0])) {
			return true
		}
	}
}

// UnmatchedRefusal returns a refusal that names none of the sent members; nil if all do.
func UnmatchedRefusal(sent []plan.Member, refused []acs.InvalidParticipant) *acs.InvalidParticipant {
	names := make(map[string]bool, len(sent))
	for _, m := range sent {
		names[m.Key()] = true
	}
	for i := range refused {
		if !names[acs.UserKey(refused[i].Target)] {
			return &refused[i]
		}
	}
	return nil
}

// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

const (
	documentsArea = "docs"

	// minWords is the least number of words in a sentence. It excludes cells with a value.
	minWords = 3
)

// areas are the directories whose comments and names are counted.
var areas = []string{controllersDir, "acs", "api", "hack"}

var (
	sentenceEnd  = regexp.MustCompile(`[.!?]["')*_]*(\s+|$)`)
	abbreviation = regexp.MustCompile(`(?i)\b(e\.g|i\.e|etc|cf|vs)\.$`)
	tokenPattern = regexp.MustCompile(`[A-Za-z][A-Za-z'’-]*|[.,;:()–—]`)
	letters      = regexp.MustCompile(`[A-Za-z]+`)
	camelPart    = regexp.MustCompile(`[A-Z]?[a-z]+`)
)

// alwaysFree are pronouns that count in every position.
var alwaysFree = set("what whatever whoever whom")

// freeAfter are words and marks that cannot be the antecedent of a pronoun.
var freeAfter = set("of to for by from with in on at about and or but than as if whether when where while because " +
	"that is are was were be say says said tell tells told know knows ask asks see sees show shows name names " +
	"decide decides find finds list lists , ; : ( ) – —")

// verbMarkers are the words before "pass" that make it a verb.
var verbMarkers = set("to must can cannot may will would should not does do let lets checks tests")

// wordGroups are words that have a better one.
var wordGroups = [][]string{
	{"pass", "passes"},
	{"tell", "tells", "told"},
	{"mend", "mends", "mended"},
	{"anew"},
}

// proseFigures has the sentences and free relatives of each area.
func proseFigures(sources []source, documents []passage) []figure {
	var figures []figure
	for _, area := range areas {
		figures = append(figures, relativeFigures("comments of "+area, commentsOf(sources, area))...)
	}
	return append(figures, relativeFigures(documentsArea, documents)...)
}

func relativeFigures(name string, passages []passage) []figure {
	total := 0
	var free []string
	for _, p := range passages {
		for _, sentence := range sentences(p.text) {
			total++
			for range freeRelatives(sentence) {
				free = append(free, p.path+": "+sentence)
			}
		}
	}
	return []figure{
		number(name+": sentences", noBound, total),
		{
			name:  name + ": free relatives per 100 sentences",
			value: fmt.Sprintf("%.1f", 100*float64(len(free))/float64(max(total, 1))),
			bound: "at most 3",
			items: free,
		},
	}
}

// wordFigures has the uses of each group of words in prose and in identifiers.
func wordFigures(sources []source, documents []passage) []figure {
	prose := slices.Clone(documents)
	names := map[string]bool{}
	for _, area := range areas {
		prose = append(prose, commentsOf(sources, area)...)
		for _, s := range sources {
			if isUnder(s.path, area) {
				maps.Copy(names, identifiers(s))
			}
		}
	}
	var figures []figure
	for _, group := range wordGroups {
		var used []string
		for _, p := range prose {
			for range uses(p.text, group) {
				used = append(used, p.path+": "+p.text)
			}
		}
		title := strings.Join(group, ", ")
		figures = append(figures, count(title+": in prose", "0", used), count(title+": identifiers", "0", named(names, group)))
	}
	return figures
}

func commentsOf(sources []source, area string) []passage {
	var passages []passage
	for _, s := range sources {
		if isUnder(s.path, area) {
			passages = append(passages, comments(s)...)
		}
	}
	return passages
}

// sentences splits a passage.
func sentences(text string) []string {
	var found []string
	add := func(sentence string) {
		if len(letters.FindAllString(sentence, -1)) >= minWords {
			found = append(found, strings.TrimSpace(sentence))
		}
	}
	start := 0
	for _, end := range sentenceEnd.FindAllStringIndex(text, -1) {
		if abbreviation.MatchString(text[start : end[0]+1]) {
			continue
		}
		add(text[start:end[1]])
		start = end[1]
	}
	add(text[start:])
	return found
}

// freeRelatives counts the pronouns in a sentence that have no antecedent. It guesses: it looks
// only at the word before the pronoun.
func freeRelatives(sentence string) int {
	if strings.HasSuffix(strings.TrimRight(sentence, `"')*_ `), "?") {
		return 0
	}
	found := 0
	previous := "."
	for _, t := range tokenPattern.FindAllString(strings.ToLower(sentence), -1) {
		pronoun := t == "who" || t == "whose"
		if alwaysFree[t] || pronoun && (previous == "." || freeAfter[previous]) {
			found++
		}
		previous = t
	}
	return found
}

// uses counts the words of a group in a text. The verb "to pass" does not count if the words beside
// it show that it is a verb.
func uses(text string, group []string) int {
	tokens := tokenPattern.FindAllString(strings.ToLower(text), -1)
	found := 0
	for i, t := range tokens {
		if !slices.Contains(group, t) {
			continue
		}
		isVerb := i > 0 && verbMarkers[tokens[i-1]] || i+1 < len(tokens) && tokens[i+1] == "through"
		if !isVerb || !strings.HasPrefix(t, "pass") {
			found++
		}
	}
	return found
}

// named are the names that contain a word of the group.
func named(names map[string]bool, group []string) []string {
	var found []string
	for name := range names {
		for _, part := range camelPart.FindAllString(name, -1) {
			if slices.Contains(group, strings.ToLower(part)) {
				found = append(found, name)
				break
			}
		}
	}
	slices.Sort(found)
	return found
}

func set(words string) map[string]bool {
	found := map[string]bool{}
	for word := range strings.FieldsSeq(words) {
		found[word] = true
	}
	return found
}

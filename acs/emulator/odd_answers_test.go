// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package emulator_test

import (
	"bytes"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/acs-operator/acs-chat-operator/acs"
	"github.com/acs-operator/acs-chat-operator/acs/emulator"
)

// TestCreateAnswersWithAnotherThread: a fault with a body creates no thread, one with a
// transformation creates one.
func TestCreateAnswersWithAnotherThread(t *testing.T) {
	t.Parallel()
	c := newContract(t, emulator.Options{})
	_, chat := c.chat()
	first, err := chat.CreateThread(t.Context(), "first", nil)
	c.must(err)
	id := first.Thread.ID
	for name, test := range map[string]struct {
		fault   emulator.Fault
		threads int // number of created threads
	}{
		"body": {fault: emulator.Fault{Status: http.StatusCreated, Body: `{"chatThread":{"id":"` + id + `","topic":"first"}}`}},
		"transformation": {threads: 1, fault: emulator.Fault{Transform: func(status int, _ http.Header, body []byte) (int, []byte) {
			made := c.emu.Threads()
			return status, bytes.ReplaceAll(body, []byte(made[len(made)-1].ID), []byte(id))
		}}},
	} {
		before := len(c.emu.Threads())
		test.fault.Operation, test.fault.Times = emulator.OperationCreateThread, 1
		c.emu.Inject(test.fault)
		created, err := chat.CreateThread(t.Context(), "second", nil)
		c.must(err)
		if created.Thread.ID != id || len(c.emu.Threads()) != before+test.threads {
			t.Errorf("%s: answered %s, want %s; threads are %+v", name, created.Thread.ID, id, c.emu.Threads())
		}
	}
}

// TestRefusalsThatNameNobody refuses a member in a 201 without a target, and in a 400 by its
// position.
func TestRefusalsThatNameNobody(t *testing.T) {
	t.Parallel()
	c := newContract(t, emulator.Options{})
	_, chat := c.chat()
	created, err := chat.CreateThread(t.Context(), "topic", nil)
	c.must(err)
	add := func(fault emulator.Fault) error {
		fault.Operation, fault.Times = emulator.OperationAddParticipants, 1
		c.emu.Inject(fault)
		participants := []acs.Participant{{ID: acs.ParseRawID(sampleUser)}, {ID: acs.ParseRawID(foreignUser)}}
		_, err := chat.ThreadClient(created.Thread.ID).AddParticipants(t.Context(), participants, nil)
		return err
	}
	err = add(emulator.Fault{Transform: func(status int, _ http.Header, body []byte) (int, []byte) {
		return status, bytes.ReplaceAll(body, []byte(`"target":"`+foreignUser+`"`), []byte(`"target":""`))
	}})
	want := []acs.InvalidParticipant{{Code: "403", Message: "Permissions check failed"}}
	if refused, ok := errors.AsType[*acs.InvalidParticipantsError](err); !ok || !cmp.Equal(refused.Participants, want) {
		t.Errorf("error is %v, want %v refused", err, want)
	}
	if thread, _ := c.emu.Thread(created.Thread.ID); len(thread.Members) != 2 {
		t.Errorf("members are %+v, want the other one added", thread.Members)
	}
	err = add(emulator.Fault{Status: http.StatusBadRequest, Body: `{"error":{"code":"BadRequest","message":"Invalid.","details":[
		{"code":"InvalidValue","message":"No identifier.","target":"participants[1].communicationIdentifier.rawId"}]}}`})
	detail, _ := acs.Detail(err)
	wantDetails := []acs.ErrorDetail{{Code: "InvalidValue", Message: "No identifier.", Target: "participants[1].communicationIdentifier.rawId"}}
	if diff := cmp.Diff(wantDetails, detail.Details); diff != "" || !acs.HasStatus(err, http.StatusBadRequest) {
		t.Errorf("error is %v; details (-want +got):\n%s", err, diff)
	}
}

// TestClocksDiffer makes the service refuse a signature for its date.
func TestClocksDiffer(t *testing.T) {
	t.Parallel()
	for _, ahead := range []time.Duration{40 * time.Minute, -40 * time.Minute} {
		c := newContract(t, emulator.Options{Clock: func() time.Time { return time.Now().Add(ahead) }})
		_, err := c.identity.CreateUser(t.Context(), nil)
		if !acs.HasStatus(err, http.StatusUnauthorized) {
			t.Fatalf("error is %v, want a 401", err)
		}
		if skew, ok := acs.ClockSkew(err); !ok || (skew-ahead).Abs() > 10*time.Second {
			t.Errorf("clocks differ by %s, %t, want %s", skew, ok, ahead)
		}
	}
}

// TestFaultsOfTheServiceAndOfOthers checks that only a refusal with neither header nor body is
// attributed to the service.
func TestFaultsOfTheServiceAndOfOthers(t *testing.T) {
	t.Parallel()
	c := newContract(t, emulator.Options{})
	_, chat := c.chat()
	for name, test := range map[string]struct {
		fault   emulator.Fault
		foreign bool
	}{
		"status":      {emulator.Fault{Status: 404}, false},
		"header":      {emulator.Fault{Status: 404, Header: http.Header{"Via": {"proxy"}}}, true},
		"MS-CV":       {emulator.Fault{Status: 404, Header: http.Header{"MS-CV": {"vector.0"}}}, false},
		"page":        {emulator.Fault{Status: 404, Body: "<html></html>"}, true},
		"error":       {emulator.Fault{Status: 404, Body: `{"error":{"code":"NotFound"}}`}, false},
		"no envelope": {emulator.Fault{Status: 404, Body: `{"title":"Not Found"}`}, true},
	} {
		test.fault.Operation, test.fault.Times = emulator.OperationGetThread, 1
		c.emu.Inject(test.fault)
		_, err := chat.ThreadClient("19:x@thread.v2").GetProperties(t.Context(), nil)
		if got := acs.IsForeign(err); got != test.foreign || acs.HasStatus(err, 404) == test.foreign {
			t.Errorf("%s: foreign %t, want %t: %v", name, got, test.foreign, err)
		}
	}
}

// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

//go:build faults

package simulation

import (
	"fmt"
	"reflect"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
)

// fuzzSource returns the bytes of an input. After its end it returns zeros, which stand for the
// plain choice.
type fuzzSource struct{ data []byte }

func (s *fuzzSource) byte() byte {
	if len(s.data) == 0 {
		return 0
	}
	b := s.data[0]
	s.data = s.data[1:]
	return b
}

func (s *fuzzSource) below(n int) int { return int(s.byte()) % n }

func (s *fuzzSource) isEmpty() bool { return len(s.data) == 0 }

// raw returns arbitrary text, as JSON can hold it.
func (s *fuzzSource) raw() string {
	n := min(s.below(24), len(s.data))
	text := strings.ToValidUTF8(string(s.data[:n]), "?")
	s.data = s.data[n:]
	return text
}

// fuzzWords are texts that have a meaning in some field. The first ten are names.
var fuzzWords = []string{
	"", "room", "default", "other", "acs", "junk", "missing", "test", "connectionString", "key", " ", "a b\n", "\x00", "ä", "…", "<html>",
	"19:none@thread.v2", "8:acs:fakeid", "8:orgid:11111111-2222-4333-8444-555555555555", "4:+15551234567", "8:ACS:x", "28:orgid:x", "../..", "%2e%2e",
	"https://contoso.communication.azure.com", "https://evil.example", "acsOperatorOwner", strings.Repeat("x", 250), strings.Repeat("y", 3000), "true", "null", "0",
}

// fuzzEnums are the values of the types that have an enum.
var fuzzEnums = map[reflect.Type][]string{
	reflect.TypeFor[chatv1alpha1.MembershipPolicy](): {"", "Exclusive", "Additive", "Neither"},
	reflect.TypeFor[chatv1alpha1.DeletionPolicy]():   {"", "Delete", "Retain", "Neither"},
	reflect.TypeFor[chatv1alpha1.ManagementPolicy](): {"", "Manage", "Observe", "Neither"},
	reflect.TypeFor[chatv1alpha1.RecreationPolicy](): {"", "Recreate", "Never", "Neither"},
	reflect.TypeFor[chatv1alpha1.ShareHistory]():     {"", "All", "SinceJoin", "SinceTime", "Neither"},
	reflect.TypeFor[chatv1alpha1.NamespacesFrom]():   {"", "Same", "All", "Selector", "Neither"},
	reflect.TypeFor[metav1.LabelSelectorOperator]():  {"In", "NotIn", "Exists", "DoesNotExist", "Neither"},
}

var (
	fuzzNumbers   = []int64{0, 1, 2, 3, 10, 30, 90, 32, 249, -1, 1 << 31, -1 << 31}
	fuzzDurations = []time.Duration{0, time.Minute, 10 * time.Minute, time.Hour, time.Second, -time.Hour, 1<<63 - 1}
	fuzzTimes     = []time.Time{{}, time.Unix(0, 0), modelSince, time.Date(2000, 1, 1, 0, 0, 30, 5e8, time.UTC), time.Date(9999, 12, 31, 23, 59, 59, 0, time.FixedZone("", 3600))}
)

// fuzzFiller fills objects by their types.
type fuzzFiller struct {
	*fuzzSource
	people []string
}

func (f *fuzzFiller) fill(v reflect.Value) {
	switch value := v.Addr().Interface().(type) {
	case *metav1.Time:
		value.Time = fuzzTimes[f.below(len(fuzzTimes))]
		return
	case *metav1.Duration:
		value.Duration = fuzzDurations[f.below(len(fuzzDurations))]
		return
	}
	f.fillKind(v)
}

func (f *fuzzFiller) fillKind(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		if f.below(3) > 0 {
			v.Set(reflect.New(v.Type().Elem()))
			f.fill(v.Elem())
		}
	case reflect.Struct:
		for _, field := range v.Fields() {
			f.fill(field)
		}
	case reflect.String:
		v.SetString(f.text(v.Type()))
	case reflect.Int32, reflect.Int64:
		v.SetInt(fuzzNumbers[f.below(len(fuzzNumbers))])
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), f.below(5), 5))
		for i := range v.Len() {
			f.fill(v.Index(i))
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		f.fillMap(v)
	default:
		panic(fmt.Sprintf("a field of kind %s", v.Kind()))
	}
}

func (f *fuzzFiller) fillMap(v reflect.Value) {
	for range f.below(4) {
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		f.fill(key)
		f.fill(value)
		v.SetMapIndex(key, value)
	}
}

// text returns a word that fits the type, a word that fits another type, or arbitrary bytes.
func (f *fuzzFiller) text(of reflect.Type) string {
	isUser := of == reflect.TypeFor[chatv1alpha1.UserID]() || of == reflect.TypeFor[chatv1alpha1.ServiceUserID]()
	switch choice := f.below(8); {
	case choice > 5 && isUser:
		// This is the shortest id that the schema accepts. Without an id the client has nothing to send.
		return "8:acs:" + f.raw() + "x"
	case choice == 7:
		return f.raw()
	case choice == 6:
		return fuzzWords[f.below(len(fuzzWords))]
	case isUser:
		id := f.people[f.below(len(f.people))]
		if choice == 5 {
			return strings.ToUpper(id)
		}
		return id
	case len(fuzzEnums[of]) > 0:
		return fuzzEnums[of][f.below(len(fuzzEnums[of]))]
	default:
		return fuzzWords[f.below(10)]
	}
}

// object returns a resource with arbitrary spec and metadata.
func (f *fuzzFiller) object() client.Object {
	names := []string{"r0", "r1", "r2"}
	meta := metav1.ObjectMeta{Namespace: testNamespace, Name: names[f.below(len(names))]}
	for range f.below(3) {
		key := []string{chatv1alpha1.AnnotationServiceUser, chatv1alpha1.AnnotationServiceUsers, chatv1alpha1.AnnotationEndpoint,
			chatv1alpha1.AnnotationReconcileRequestedAt, chatv1alpha1.AnnotationAbandon}[f.below(5)]
		metav1.SetMetaDataAnnotation(&meta, key, f.text(reflect.TypeFor[chatv1alpha1.ServiceUserID]()))
	}
	if f.below(4) == 3 {
		meta.Finalizers = []string{chatv1alpha1.Finalizer}
	}
	switch f.below(4) {
	case 0, 1:
		thread := &chatv1alpha1.ChatThread{ObjectMeta: meta}
		f.fill(reflect.ValueOf(&thread.Spec).Elem())
		if f.below(4) == 3 {
			f.fill(reflect.ValueOf(&thread.Status).Elem())
			thread.Status.Conditions = nil
		}
		return thread
	case 2:
		participant := &chatv1alpha1.ChatParticipant{ObjectMeta: meta}
		f.fill(reflect.ValueOf(&participant.Spec).Elem())
		return participant
	default:
		conn := &chatv1alpha1.ChatConnection{ObjectMeta: meta}
		f.fill(reflect.ValueOf(&conn.Spec).Elem())
		return conn
	}
}

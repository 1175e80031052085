// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

//go:build faults

package simulation

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/objects"
)

// maxFuzzMessage is the longest message. It may list the ids of all service users.
const maxFuzzMessage = 8192

// statusSchemas returns the schema of the status of each kind, as the API server has it.
var statusSchemas = sync.OnceValues(func() (map[objectKind]validation.SchemaValidator, error) {
	validators := map[objectKind]validation.SchemaValidator{}
	for _, kind := range reconciledKinds {
		data, err := os.ReadFile(filepath.Join("..", "..", "..", "config", "crd", "bases", "chat.acs-operator.io_"+strings.ToLower(string(kind))+"s.yaml"))
		if err != nil {
			return nil, err
		}
		crd := &apiextensionsv1.CustomResourceDefinition{}
		if err := yaml.Unmarshal(data, crd); err != nil {
			return nil, err
		}
		status := crd.Spec.Versions[0].Schema.OpenAPIV3Schema.Properties["status"]
		internal := &apiextensions.JSONSchemaProps{}
		if err := apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(&status, internal, nil); err != nil {
			return nil, err
		}
		if validators[kind], _, err = validation.NewSchemaValidator(internal); err != nil {
			return nil, err
		}
	}
	return validators, nil
})

// checkStatus reports a status that the API server would refuse, or that contains a credential.
func (r *fuzzRun) checkStatus(event watchEvent) {
	obj, ok := event.now.(objects.Conditioned)
	if !ok || r.declaring {
		return
	}
	for _, broken := range r.refused(obj) {
		r.w.t.Errorf("%s %s: %v", kindOf(obj), obj.GetName(), broken)
	}
	fields, err := objects.StatusFields(obj)
	if err != nil {
		r.w.t.Error(err)
	}
	status, err := json.Marshal(fields)
	if err != nil {
		r.w.t.Error(err)
	}
	for _, secret := range slices.Concat(r.lies.secrets(), []string{r.w.emulator.AccessKey(), fuzzCanary}) {
		if strings.Contains(string(status), secret) {
			r.w.t.Errorf("%s %s: the status contains a credential", kindOf(obj), obj.GetName())
		}
	}
	for _, c := range obj.GetConditions() {
		if len(c.Message) > maxFuzzMessage {
			r.w.t.Errorf("%s %s: a message of %d bytes", kindOf(obj), obj.GetName(), len(c.Message))
		}
	}
}

// refused returns the errors of the API server for a status.
func (r *fuzzRun) refused(obj client.Object) field.ErrorList {
	fields, err := objects.StatusFields(obj)
	if err != nil {
		return field.ErrorList{field.InternalError(field.NewPath("status"), err)}
	}
	return validation.ValidateCustomResource(field.NewPath("status"), fields, r.schemas[kindOf(obj)])
}

// transient are reasons in which an honest service does not leave a resource.
var transient = []string{chatv1alpha1.ReasonSearching, chatv1alpha1.ReasonCreating, chatv1alpha1.ReasonUpdating, chatv1alpha1.ReasonDeleting,
	chatv1alpha1.ReasonWaitingForQuota, chatv1alpha1.ReasonThrottled, chatv1alpha1.ReasonServiceUnavailable}

// checkEnd reports resources that did not converge although the service was honest for long.
func (r *fuzzRun) checkEnd() {
	r.checkConditions()
	r.checkRoom()
}

// checkConditions reports resources that are still in progress.
func (r *fuzzRun) checkConditions() {
	for _, kind := range reconciledKinds {
		for _, obj := range r.w.stored(kind) {
			ready := apimeta.FindStatusCondition(obj.GetConditions(), chatv1alpha1.ConditionReady)
			switch {
			case ready == nil:
				r.w.t.Errorf("%s %s has no condition", kind, obj.GetName())
			case ready.ObservedGeneration != obj.GetGeneration() && obj.GetDeletionTimestamp() == nil:
				r.w.t.Errorf("%s %s has observedGeneration %d, want %d", kind, obj.GetName(), ready.ObservedGeneration, obj.GetGeneration())
			case slices.Contains(transient, ready.Reason) && !r.isConnectionUnknown(obj):
				r.w.t.Errorf("not converged: %s", r.w.describe(obj))
			}
		}
	}
}

// checkRoom reports a difference between the room and its last declaration.
func (r *fuzzRun) checkRoom() {
	room, _ := r.find(kindThread, "room").(*chatv1alpha1.ChatThread)
	if _, reason := objects.ReadyReason(room); reason != chatv1alpha1.ReasonSucceeded {
		r.w.t.Errorf("the room is not as declared: %s", r.w.describe(room))
		return
	}
	remote, found := r.w.emulator.Thread(room.Status.ThreadID)
	if !found || remote.DeletedOn != nil || remote.Topic != room.Spec.Topic {
		r.w.t.Errorf("the room at the service is %+v", remote)
	}
	for i, id := range r.w.people {
		// The first user was removed, unless another resource declares it.
		if i > 0 && !hasMember(remote, id) {
			r.w.t.Errorf("%s is not in the room: %+v", id, remote)
		}
	}
}

// isConnectionUnknown reports whether a resource depends on a connection with arbitrary content.
func (r *fuzzRun) isConnectionUnknown(obj objects.Conditioned) bool {
	switch o := obj.(type) {
	case *chatv1alpha1.ChatThread:
		return o.Spec.ConnectionRef.Name != "default"
	case *chatv1alpha1.ChatParticipant:
		thread, ok := r.find(kindThread, o.Spec.ThreadRef.Name).(*chatv1alpha1.ChatThread)
		return ok && r.isConnectionUnknown(thread)
	default:
		return obj.GetName() != "default"
	}
}

func (r *fuzzRun) find(kind objectKind, name string) objects.Conditioned {
	for _, obj := range r.w.stored(kind) {
		if obj.GetName() == name {
			return obj
		}
	}
	return nil
}

// The schemas are those of the kinds: a status of junk is refused.
func TestSimFuzzSchemas(t *testing.T) {
	t.Parallel()
	schemas, err := statusSchemas()
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range reconciledKinds {
		junk := map[string]any{"observedGeneration": "one", "conditions": []any{map[string]any{"type": "Ready"}}}
		if broken := validation.ValidateCustomResource(field.NewPath("status"), junk, schemas[kind]); len(broken) < 2 {
			t.Errorf("%s: only %v", kind, broken)
		}
	}
}

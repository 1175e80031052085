// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// Keys in the metadata of a thread at ACS. They say which ChatThread owns the thread.
const (
	// StampPrefix begins the keys that belong to the operator.
	StampPrefix = "acsOperator"
	// StampOwner is namespace/name of the ChatThread that owns the thread.
	StampOwner = StampPrefix + "Owner"
	// StampUID is the uid of that ChatThread.
	StampUID = StampPrefix + "Uid"
	// StampReleasedBy is namespace/name of the ChatThread that released the thread.
	StampReleasedBy = StampPrefix + "ReleasedBy"
	// StampReleasedTo is namespace/name of the ChatThread in another namespace that may adopt the
	// thread.
	StampReleasedTo = StampPrefix + "ReleasedTo"
	// StampMember is a key in the metadata of a member. It identifies the ChatThread that added the
	// member, and the declaration of that time: ACS can change neither a display name nor the start of
	// the history, so a member whose stamp differs is added again.
	StampMember = StampPrefix + "Spec"
)

local isDeleted = obj.metadata.deletionTimestamp ~= nil
local observes = obj.spec.managementPolicy == "Observe"
local annotations = obj.metadata.annotations or {}
local isAbandoned = annotations["chat.acs-operator.io/abandon"] == "true"

return {
  ["reconcile"] = {
    ["displayName"] = "Reconcile now",
    ["disabled"] = false,
  },
  ["observe"] = {
    ["displayName"] = "Observe: change nothing at ACS",
    ["disabled"] = isDeleted or observes,
  },
  ["manage"] = {
    ["displayName"] = "Manage: keep the thread as declared",
    ["disabled"] = isDeleted or not observes,
  },
  ["abandon"] = {
    ["displayName"] = "Abandon the deletion: leave the thread at ACS",
    ["disabled"] = not isDeleted or isAbandoned,
  },
}

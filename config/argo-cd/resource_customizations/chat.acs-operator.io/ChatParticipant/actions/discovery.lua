local annotations = obj.metadata.annotations or {}
local isAbandoned = annotations["chat.acs-operator.io/abandon"] == "true"

return {
  ["abandon"] = {
    ["displayName"] = "Abandon the deletion: leave the member in the thread",
    ["disabled"] = obj.metadata.deletionTimestamp == nil or isAbandoned,
  },
}

-- Completes a deletion without a further call to ACS, and leaves the thread there. Set earlier, the annotation would
-- decide about a deletion that nobody has requested yet.
if obj.metadata.deletionTimestamp == nil then
  error(obj.kind .. " " .. obj.metadata.name .. " is not being deleted: only a deletion can be abandoned", 0)
end

if obj.metadata.annotations == nil then
  obj.metadata.annotations = {}
end
obj.metadata.annotations["chat.acs-operator.io/abandon"] = "true"

return obj

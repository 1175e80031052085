-- Each new value requests a reconcile. The resource version changes with each write, this one included.
if obj.metadata.annotations == nil then
  obj.metadata.annotations = {}
end
obj.metadata.annotations["chat.acs-operator.io/reconcile-requested-at"] =
  "Argo CD, at resource version " .. obj.metadata.resourceVersion

return obj

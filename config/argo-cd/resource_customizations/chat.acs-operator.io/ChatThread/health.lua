-- The status follows kstatus: https://github.com/kubernetes-sigs/cli-utils/blob/master/pkg/kstatus/README.md
-- The health is what kstatus computes: Current is Healthy, Failed is Degraded, InProgress is Progressing. kstatus
-- counts an object without a status as Current. Here it is Progressing, because nobody has looked at it yet.

local function field(value, name)
  if type(value) == "table" then
    return value[name]
  end
  return nil
end

local generation = field(obj.metadata, "generation")
local conditions = field(obj.status, "conditions")
local ready = nil
local abnormal = nil

if type(conditions) == "table" then
  for _, condition in ipairs(conditions) do
    local kind = field(condition, "type")
    if kind == "Ready" then
      ready = ready or condition
    elseif (kind == "Reconciling" or kind == "Stalled") and condition.status == "True" then
      abnormal = abnormal or kind
    end
  end
end

local health = {status = "Progressing", message = "Waiting for the operator"}
local isCurrent = generation ~= nil and field(obj.status, "observedGeneration") == generation
local isDeleted = field(obj.metadata, "deletionTimestamp") ~= nil

if isCurrent and not isDeleted then
  if abnormal == "Stalled" then
    health.status = "Degraded"
  elseif abnormal == nil and field(ready, "status") == "True" then
    health.status = "Healthy"
  end
end

-- The observed generation of the status is that of the last success or failure. That of the condition is newer while
-- the operator retries.
if generation ~= nil and field(ready, "observedGeneration") == generation and type(ready.message) == "string" then
  health.message = ready.message
  if health.status ~= "Healthy" and type(ready.reason) == "string" then
    health.message = ready.reason .. ": " .. ready.message
  end
end

return health

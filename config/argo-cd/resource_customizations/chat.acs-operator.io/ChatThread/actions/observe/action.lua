-- The operator reads and reports, and writes nothing to ACS any more.
obj.spec.managementPolicy = "Observe"

return obj

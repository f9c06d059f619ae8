-- GET one live image with a random id from $IDS.
dofile(os.getenv("LOAD") .. "/common.lua")
local ids, before, after
init = function()
  seed()
  ids = read_ids()
  before, after = wrk.format("GET", "/v1/gallery/@/"):match("^(.-)@(.*)$")   -- formatted once, because formatting each request is too slow
end
request = function() return before .. ids[math.random(#ids)] .. after end

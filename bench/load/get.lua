-- GET one live image, its id drawn from $IDS.
dofile(os.getenv("LOAD") .. "/common.lua")
local ids, before, after
init = function()
  seed()
  ids = read_ids()
  before, after = wrk.format("GET", "/v1/gallery/@/"):match("^(.-)@(.*)$")   -- formatted once: at this rate it would show
end
request = function() return before .. ids[math.random(#ids)] .. after end

-- DELETE and POST …/restore/ in turn. $IDS lists first the $TRASHED images in the trash, then the live ones. It is used as a ring
-- on which the trash is a moving window. So each request changes an image, and no two concurrent requests use the same image.
dofile(os.getenv("LOAD") .. "/common.lua")
local trashed, turn, ids = tonumber(os.getenv("TRASHED")), -1
init = function() ids = read_ids() end
request = function()
  turn = turn + 1
  local first = math.floor(turn / 2)   -- the start of the window
  if turn % 2 == 0 then return wrk.format("DELETE", "/v1/gallery/" .. ids[(first + trashed) % #ids + 1] .. "/") end
  return wrk.format("POST", "/v1/gallery/" .. ids[first % #ids + 1] .. "/restore/")
end

-- GET the first page, 50 images, of one of $USERS users.
dofile(os.getenv("LOAD") .. "/common.lua")
local users = tonumber(os.getenv("USERS"))
init = function() seed() end
request = function() return wrk.format("GET", "/v1/gallery/?limit=50&user_id=user" .. math.random(0, users - 1)) end

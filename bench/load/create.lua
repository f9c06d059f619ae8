-- POST a new image each time: a fresh version 4 UUID in a Cloudinary URL, for one of $USERS users.
dofile(os.getenv("LOAD") .. "/common.lua")
local users, prompt, metadata = tonumber(os.getenv("USERS")), os.getenv("PROMPT"), os.getenv("METADATA")
local hex = {}        -- 4 digits each
local before = {}     -- each user's request up to the image's id, formatted once, because formatting would cost rate
local after
init = function()
  seed()
  for i = 0, 65535 do hex[i] = string.format("%04x", i) end
  wrk.headers["Content-Type"] = "application/json"
  for user = 0, users - 1 do
    before[user], after = wrk.format("POST", "/v1/gallery/", nil, '{"user_id":"user' .. user ..
      '","image_url":"https://res.cloudinary.com/demo/image/upload/' .. ("@"):rep(36) ..
      '.jpg","refined_prompt":"' .. prompt .. '","intent":"generate","metadata":' .. metadata .. '}'):match("^(.-)@+(.*)$")
  end
end
local function any() return hex[math.random(0, 65535)] end
request = function()
  return before[math.random(0, users - 1)] .. any() .. any() .. "-" .. any() .. "-" .. hex[math.random(0x4000, 0x4fff)] .. "-" ..
    hex[math.random(0x8000, 0xbfff)] .. "-" .. any() .. any() .. any() .. after
end

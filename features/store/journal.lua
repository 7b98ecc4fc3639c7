#!lua name=weir_observe_v2
-- How a journal lies in Redis, and what the functions of this library have in common. Its text is this file, reading.lua,
-- observe.lua and compact.lua, one after another. It must never calculate what a feature is made of.
--
-- A journal is one string: header, sums of the records before its base, records of one width from there on, ordinals ascending.
--   header  'WJ', u8 version of the layout, u8 0, u32 generation (how often it was compacted), 8 B incarnation (random, from
--           whoever made it), f64 base, u32 bytes of sums, u16 width, u16 step of the clock in which its TTL was set
-- The sums are whatever compact_v2 was given for these records: Redis only keeps them.

local HEADER = 32
local MAGIC = 'WJ\1\0'
local IDENTITY, RECORD_MIN = 8, 16

-- A library cannot see these before its first call.
local call, unpackBytes, packBytes, sub, find, char, rep, floor, format

local function bind()
  call, unpackBytes, packBytes = redis.call, struct.unpack, struct.pack
  sub, find, char, rep, format = string.sub, string.find, string.char, string.rep, string.format
  floor = math.floor
end

local function refuse(code, text)
  error({ err = code .. ' ' .. text })
end

-- c(n): records before it are beyond the exact tail of a journal with n records.
local function boundary(n, cap)
  local caps = floor(n / cap) - 1
  return caps > 0 and caps * cap or 0
end

local function checkHeader(text)
  if #text < HEADER or sub(text, 1, 4) ~= MAGIC then
    refuse('WEIRFORMAT', 'the key of a journal holds something else')
  end
end

local function register(name, run, flags)
  redis.register_function({
    function_name = name,
    flags = flags,
    callback = function(keys, args)
      if not call then bind() end
      local ok, result = pcall(run, keys, args)
      if ok then return result end
      if type(result) == 'table' then return redis.error_reply(result.err) end
      return redis.error_reply('WEIRARGS ' .. tostring(result))
    end
  })
end

#!lua name=weir_observe_v1
-- observe_v1 appends the records of up to 64 transactions to journals of one bucket, each once, and returns what the caller
-- does not hold. It must never write before all of its arguments and journals were found good: functions do not roll back.
--
-- KEYS[1]   chain of the bucket, a hash: `since` and, per source partition, the last offset observed
-- KEYS[2…]  journals, each a string: header, then records of one width, ordinals ascending
-- ARGV[1]   prefix of the chain's fields
-- ARGV[2]   packed, little-endian, without padding; features/store/protocol.ts is the other end:
--   head       u8 version, u8 renew, u16 partitions, u16 journals, u16 rows, u16 slots, u32 ttl in s, f64 since, 8 B incarnation
--   partition  u32 partition, f64 predecessor, f64 last offset
--   journal    u16 width, u32 cap, f64 ordinal held up to (0: nothing held), 12 B generation and incarnation held,
--              8 B identity of the last record held
--   row        u16 place in partitions from 1 (0: none), f64 offset, u8 slots * 2 + (1: the first slot is the primary)
--   slot       u16 place in journals from 1, f64 ordinal * 4 + seen as found in what the caller holds (-1: not there)
--   records    of all slots, one after another
--
-- Returns, packed alike: u8 0, f64 since, per partition f64 stored; per journal u8 (0: not read, 1: what follows the ordinal
-- held, 2: all), f64 count before this call, 12 B generation and incarnation; per row u8 seen; per slot f64 ordinal, or -1
-- minus the count where the record was applied before and has left the exact tail (0 for journals that a duplicate or
-- conflict does not touch); then the bytes asked for, journal by journal.
-- Or, where an offset's predecessor is not the one stored and nothing was written: u8 1, f64 since (-1: an empty bucket),
-- per partition f64 stored (-1: none).

local FRESH, REDELIVERY, DUPLICATE, CONFLICT = 0, 1, 2, 3
local HEADER = 32
-- 'WJ', version of the layout, padding. Then generation, incarnation, base ordinal, length of hops, width.
local MAGIC = 'WJ\1\0'
local IDENTITY, FINGERPRINT, SOURCE, RECORD_MIN = 8, 16, 24, 16
local NO_SOURCE = '\255\255\255\255\255\255\255\255'
local NONE = '\0\0\0\0\0\0\0\0\0\0\0\0'
-- A journal of which the caller holds this many bytes is read by its suffix: two reads of parts cost more than one of these.
local WHOLE_MAX = 4096
local ROWS_MAX, SLOTS_MAX = 64, 1024

-- A library cannot see these before its first call.
local call, unpackBytes, packBytes, sub, find, floor

local function bind()
  call, unpackBytes, packBytes = redis.call, struct.unpack, struct.pack
  sub, find, floor = string.sub, string.find, math.floor
end

local function refuse(code, text)
  error({ err = code .. ' ' .. text })
end

-- c(n): records before it are beyond the exact tail of a journal with n records.
local function boundary(n, cap)
  local caps = floor(n / cap) - 1
  return caps > 0 and caps * cap or 0
end

-- A journal with something at its key.
local function readHeader(journal, text)
  if #text < HEADER or sub(text, 1, 4) ~= MAGIC then
    refuse('WEIRFORMAT', 'the key of a journal holds something else')
  end
  local base, hops, width = unpackBytes('<dI4I4', text, 17)
  if base ~= 0 or hops ~= 0 or width ~= journal.width then
    refuse('WEIRFORMAT', 'a journal is of another layout than this function knows')
  end
end

-- Leaves in the journal: text, first (byte of text before its first record), from (that record's ordinal), before (count).
local function readSuffix(journal, key, ttl)
  local width, held = journal.width, journal.held
  local header = call('GETRANGE', key, 0, HEADER - 1)
  if sub(header, 5, 16) ~= journal.incarnation then return false end
  readHeader(journal, header)
  local text = call('GETRANGE', key, HEADER + (held - 1) * width, -1)
  if sub(text, IDENTITY + 1, IDENTITY + 8) ~= journal.identity then return false end
  if #text % width ~= 0 then refuse('WEIRFORMAT', 'a journal ends within a record') end
  call('EXPIRE', key, ttl)
  journal.text, journal.first, journal.from = text, 0, held - 1
  journal.before = held - 1 + #text / width
  return true
end

local function readWhole(journal, key, ttl)
  local width, held = journal.width, journal.held
  local text = call('GETEX', key, 'EX', ttl)
  journal.from, journal.first, journal.claimed = 0, HEADER, false
  if not text then
    journal.text, journal.first, journal.before, journal.absent = '', 0, 0, true
    journal.incarnation = NONE
    return
  end
  readHeader(journal, text)
  if (#text - HEADER) % width ~= 0 then refuse('WEIRFORMAT', 'a journal ends within a record') end
  journal.text, journal.before = text, (#text - HEADER) / width
  local last = HEADER + (held - 1) * width + IDENTITY
  journal.claimed = held > 0 and sub(text, 5, 16) == journal.incarnation
    and sub(text, last + 1, last + 8) == journal.identity
  if not journal.claimed then journal.incarnation = sub(text, 5, 16) end
end

local function open(journal, ttl)
  journal.opened = true
  if journal.held * journal.width <= WHOLE_MAX or not readSuffix(journal, journal.key, ttl) then
    readWhole(journal, journal.key, ttl)
  else
    journal.claimed = true
  end
  journal.count = journal.before
end

-- The ordinal of an identity in the exact tail, and its record; nil when it is not there.
local function locate(journal, identity)
  local tail = boundary(journal.count, journal.cap)
  local added = journal.ordinals and journal.ordinals[identity]
  if added and added >= tail then
    return added, journal.added[added - journal.before + 1]
  end
  -- What the caller holds it has searched itself.
  local from = journal.claimed and journal.held or 0
  if from < tail then from = tail end
  local text, width = journal.text, journal.width
  local at = journal.first + (from - journal.from) * width + 1
  while true do
    at = find(text, identity, at, true)
    if not at then return nil end
    local within = (at - 1 - journal.first) % width
    if within == IDENTITY then
      local record = at - IDENTITY
      return journal.from + (record - 1 - journal.first) / width, sub(text, record, record + width - 1)
    end
    at = at + 1
  end
end

local function compare(record, other)
  local source = sub(other, SOURCE + 1, SOURCE + 8)
  local sameContent = sub(record, FINGERPRINT + 1, FINGERPRINT + 8) == sub(other, FINGERPRINT + 1, FINGERPRINT + 8)
  if sub(record, SOURCE + 1, SOURCE + 8) == source and (sameContent or source ~= NO_SOURCE) then
    return REDELIVERY
  end
  return sameContent and DUPLICATE or CONFLICT
end

local function append(journal, record, identity)
  local added = journal.added
  if not added then
    added = {}
    journal.added, journal.ordinals = added, {}
  end
  local ordinal = journal.count
  added[#added + 1] = record
  journal.ordinals[identity] = ordinal
  journal.count = ordinal + 1
  return ordinal
end

-- Answers one slot: its value for the reply, and seen.
local function put(journal, record, hint, applied, ttl)
  if not journal.opened then open(journal, ttl) end
  if journal.claimed and hint >= 0 then
    local ordinal, seen = floor(hint / 4), hint % 4
    if ordinal >= boundary(journal.count, journal.cap) then return ordinal, seen end
  end
  local identity = sub(record, IDENTITY + 1, IDENTITY + 8)
  local ordinal, found = locate(journal, identity)
  if ordinal then
    return ordinal, compare(found, record)
  end
  if applied then return -1 - journal.count, REDELIVERY end
  return append(journal, record, identity), FRESH
end

local function parse(keys, arg)
  local version, renew, partitions, journals, rows, slots, ttl, since, incarnation, at =
    unpackBytes('<BBHHHHI4dc8', arg)
  if version ~= 1 or rows > ROWS_MAX or slots > SLOTS_MAX or journals ~= #keys - 1 or ttl == 0 then
    refuse('WEIRARGS', 'a head that this function does not know')
  end
  local list = {}
  for i = 1, partitions do
    local partition, predecessor, last
    partition, predecessor, last, at = unpackBytes('<I4dd', arg, at)
    list[i] = { partition = partition, predecessor = predecessor, last = last }
  end
  local books = {}
  for i = 1, journals do
    local width, cap, held, incarnationHeld, identity
    width, cap, held, incarnationHeld, identity, at = unpackBytes('<HI4dc12c8', arg, at)
    if width < RECORD_MIN or cap == 0 or held < 0 then refuse('WEIRARGS', 'a journal without width or cap') end
    books[i] = {
      key = keys[i + 1], width = width, cap = cap, held = held, incarnation = incarnationHeld, identity = identity
    }
  end
  local rowList = { unpackBytes('<' .. string.rep('HdB', rows), arg, at) }
  at = rowList[rows * 3 + 1]
  local slotList = { unpackBytes('<' .. string.rep('Hd', slots), arg, at) }
  at = slotList[slots * 2 + 1]
  local bytes, counted = 0, 0
  for i = 1, slots do
    local journal = books[slotList[i * 2 - 1]]
    if not journal then refuse('WEIRARGS', 'a record for no journal') end
    bytes = bytes + journal.width
  end
  for i = 1, rows do
    if rowList[i * 3 - 2] > partitions then refuse('WEIRARGS', 'a row of no partition') end
    counted = counted + floor(rowList[i * 3] / 2)
  end
  if counted ~= slots or at - 1 + bytes ~= #arg then refuse('WEIRARGS', 'more or less than it says') end
  return {
    renew = renew == 1, ttl = ttl, since = since, incarnation = '\0\0\0\0' .. incarnation, partitions = list,
    journals = books, rows = rowList, slots = slotList, records = at
  }
end

-- Reads the chain into the request; the packed refusal when a predecessor differs.
local function readChain(key, request, prefix)
  local partitions, fields = request.partitions, { 'since' }
  for i = 1, #partitions do
    partitions[i].field = prefix .. partitions[i].partition
    fields[i + 1] = partitions[i].field
  end
  local found = call('HMGET', key, unpack(fields))
  request.sinceStored = found[1] and tonumber(found[1])
  local refused = false
  for i = 1, #partitions do
    local partition = partitions[i]
    partition.stored = tonumber(found[i + 1] or -1)
    partition.reached = partition.stored
    if partition.last > partition.stored and partition.predecessor ~= partition.stored then refused = true end
  end
  if not refused then return nil end
  local reply = { packBytes('<Bd', 1, request.sinceStored or -1) }
  for i = 1, #partitions do reply[i + 1] = packBytes('<d', partitions[i].stored) end
  return table.concat(reply)
end

local function observeRows(request, arg)
  local rows, slots, partitions, journals, ttl = request.rows, request.slots, request.partitions, request.journals, request.ttl
  local seenList, values = {}, {}
  local slot, at = 0, request.records
  for row = 1, #rows / 3 do
    local partition, offset, shape = partitions[rows[row * 3 - 2]], rows[row * 3 - 1], rows[row * 3]
    local applied = partition ~= nil and offset <= partition.reached
    local seen = FRESH
    for i = 1, floor(shape / 2) do
      slot = slot + 1
      local journal = journals[slots[slot * 2 - 1]]
      local record = sub(arg, at, at + journal.width - 1)
      at = at + journal.width
      values[slot] = 0
      if seen < DUPLICATE then
        local value, found = put(journal, record, slots[slot * 2], applied, ttl)
        values[slot] = value
        if i == 1 and shape % 2 == 1 then seen = found end
      end
    end
    seenList[row] = string.char(seen)
    if partition and offset > partition.reached then partition.reached = offset end
  end
  return table.concat(seenList), values
end

local function write(key, request)
  for _, journal in ipairs(request.journals) do
    if journal.added and journal.absent then
      local header = packBytes('<c4c12dI4I4', MAGIC, request.incarnation, 0, 0, journal.width)
      call('SET', journal.key, header .. table.concat(journal.added), 'EX', request.ttl)
      journal.incarnation = request.incarnation
    elseif journal.added then
      call('APPEND', journal.key, table.concat(journal.added))
    end
  end
  local fields = {}
  if request.renew or not request.sinceStored then
    request.sinceStored = request.since
    fields[1], fields[2] = 'since', request.since
  end
  for _, partition in ipairs(request.partitions) do
    if partition.reached > partition.stored then
      fields[#fields + 1] = partition.field
      fields[#fields + 1] = partition.reached
    end
  end
  if #fields > 0 then call('HSET', key, unpack(fields)) end
end

local function reply(request, seen, values)
  local parts = { packBytes('<Bd', 0, request.sinceStored) }
  for _, partition in ipairs(request.partitions) do parts[#parts + 1] = packBytes('<d', partition.reached) end
  local texts = {}
  for i, journal in ipairs(request.journals) do
    local mode, before = 0, 0
    if journal.opened then
      mode, before = journal.claimed and 1 or 2, journal.before
      local from = journal.claimed and journal.held or 0
      if before > from then texts[#texts + 1] = sub(journal.text, journal.first + (from - journal.from) * journal.width + 1) end
    end
    parts[#parts + 1] = packBytes('<Bdc12', mode, before, journal.incarnation)
  end
  parts[#parts + 1] = seen
  parts[#parts + 1] = packBytes('<' .. string.rep('d', #values), unpack(values))
  parts[#parts + 1] = table.concat(texts)
  return table.concat(parts)
end

local function observe(keys, args)
  local request = parse(keys, args[2])
  local refusal = readChain(keys[1], request, args[1])
  if refusal then return refusal end
  local seen, values = observeRows(request, args[2])
  write(keys[1], request)
  return reply(request, seen, values)
end

redis.register_function('observe_v1', function(keys, args)
  if not call then bind() end
  local ok, result = pcall(observe, keys, args)
  if ok then return result end
  if type(result) == 'table' then return redis.error_reply(result.err) end
  return redis.error_reply('WEIRARGS ' .. tostring(result))
end)

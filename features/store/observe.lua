-- observe_v1 appends the records of up to 64 transactions to journals of one bucket, each once, and returns what the caller
-- does not hold. It must never write before all of its arguments and journals were found good: functions do not roll back.
--
-- KEYS[1]   chain of the bucket, a hash: `since` and, per source partition, the last offset observed
-- KEYS[2…]  journals
-- ARGV[1]   prefix of the chain's fields
-- ARGV[2]   packed, little-endian, without padding; features/store/packer.ts and unpacker.ts are the other end:
--   head       u8 version, u8 renew, u16 partitions, u16 journals, u16 rows, u16 slots, u32 ttl in s, f64 since, 8 B incarnation
--   partition  u32 partition, f64 predecessor (-2: whatever is stored, offsets count from here on), f64 last offset
--   journal    u16 width, u32 cap, f64 ordinal held up to (0: nothing held), 8 B incarnation held, 8 B identity of the last
--              record held
--   row        u16 place in partitions from 1 (0: none), f64 offset, u16 slots * 4 + what they are (0: others than the
--              primary, 1: the primary first, 2: others, and the row has left the primary's exact tail, 3: others, and a call
--              appended the row before, perhaps here too)
--   slot       u16 place in journals from 1, f64 ordinal * 8 + seen as found in what the caller holds (-1: not there)
--   records    of all slots, one after another
--
-- Returns, packed alike: u8 0, f64 since, per partition f64 stored; per journal u8 (0: not read, 1: what follows the ordinal
-- held, 2: all; 4 more: whoever gets this reply is to compact it) and f64 count before this call; per row u8 seen; per slot
-- f64 ordinal, or -1 minus the count where the record was applied before and has left the exact tail (0 for journals that a
-- duplicate or conflict does not touch); of each journal that comes whole 8 B incarnation, f64 base, u32 bytes of its sums; of
-- each that is to be compacted u32 generation; then the bytes asked for, journal by journal: sums, if whole, and records.
-- Or, where nothing was written: u8 1, f64 since (-1: an empty bucket), per partition f64 stored (-1: none). Then an offset's
-- predecessor is not the one stored; or -2 for a partition whose chain says that a record was appended which cannot have
-- left its journal's exact tail, and is not there: Redis has lost it, or offsets have begun anew.

local FRESH, REDELIVERY, ADOPTED, DUPLICATE, CONFLICT = 0, 1, 2, 3, 4
-- A journal's TTL is set again when it is touched in another step of the clock than before: so many are in one TTL.
local STEPS_PER_TTL = 8
-- In place of a predecessor or a stored offset.
local ANEW = -2
local HINT_STEPS, SHAPES = 8, 4
local OTHERS, PRIMARY_FIRST, LEFT_PRIMARY, CALLED = 0, 1, 2, 3
local FINGERPRINT, SOURCE = 16, 24
local NO_SOURCE = '\255\255\255\255\255\255\255\255'
-- Base and bytes of the sums of a journal that was never compacted, and those with no incarnation before them.
local UNSUMMED = '\0\0\0\0\0\0\0\0\0\0\0\0'
local NOTHING = '\0\0\0\0\0\0\0\0' .. UNSUMMED
-- A journal of which the caller holds this many bytes is read by its suffix: two reads of parts cost more than one of these.
local WHOLE_MAX = 512
-- Whoever appends over a boundary compacts a journal of so many caps of records, and from the second on anybody.
local CAPS_LONG, CAPS_MAX = 4, 8
local WANTED = 4
-- Longer journals grow in place (features/store/redis-memory.ts has the same bound).
local REWRITTEN_MAX = 512
local ROWS_MAX, SLOTS_MAX = 64, 1024

-- The journals of the present call, by their place in it. Columns that are kept and overwritten: a table for each journal
-- cost a third of the call. As the caller states them:
local journalKeys, widths, caps, helds, incarnations, identities = {}, {}, {}, {}, {}, {}
-- As they were read: text, where in the value it begins, how many of its bytes come before its first record, that record's
-- ordinal, whether all that the caller holds is there, count before this call; whether there is nothing at the key.
local texts, starts, firsts, froms, claimed, befores, absent = {}, {}, {}, {}, {}, {}, {}
-- Of their headers: generation, base, step of the TTL.
local generations, bases, steps = {}, {}, {}
-- As they become: count, records added (false for none), whether a row was answered from it.
local counts, added, touched = {}, {}, {}

-- Takes in a text whose first record, of this ordinal, begins behind `first` bytes.
local function take(i, text, start, first, from, header)
  local before = from + (#text - first) / widths[i]
  if before % 1 ~= 0 then refuse('WEIRFORMAT', 'a journal ends within a record') end
  texts[i], starts[i], firsts[i], froms[i], befores[i], counts[i] = text, start, first, from, before, before
  local base, hops, width, step = unpackBytes('<dI4HH', header, 17)
  if width ~= widths[i] then refuse('WEIRFORMAT', 'a journal is of another layout than this function knows') end
  generations[i], bases[i], steps[i], absent[i] = sub(header, 5, 8), base, step, false
  if hops ~= 0 and base == 0 or base ~= 0 and not (base > 0 and base <= boundary(before, caps[i]) - caps[i]) then
    refuse('WEIRFORMAT', 'a journal lacks records that its exact tail may need')
  end
end

-- A journal that the caller does not hold, or not as it is. `text` is false where there is none.
local function readWhole(i, text)
  claimed[i] = false
  if not text then
    texts[i], firsts[i], froms[i], befores[i], counts[i], bases[i], absent[i] = '', 0, 0, 0, 0, 0, true
    generations[i], incarnations[i] = sub(NOTHING, 1, 4), NOTHING
    return
  end
  checkHeader(text)
  local base, hops = unpackBytes('<dI4', text, 17)
  take(i, text, 0, HEADER + hops, base, text)
  local last = HEADER + hops + (helds[i] - 1 - base) * widths[i] + IDENTITY
  claimed[i] = helds[i] > base and sub(text, 9, 16) == incarnations[i] and sub(text, last + 1, last + 8) == identities[i]
  if not claimed[i] then incarnations[i] = sub(text, 9, 28) end
end

-- Reads only from the last record that the caller holds; false when it is not there, or another one.
local function readSuffix(i)
  local key, last = journalKeys[i], helds[i] - 1
  local header = call('GETRANGE', key, '0', '31')
  if sub(header, 9, 16) ~= incarnations[i] then return false end
  local base, hops = unpackBytes('<dI4', header, 17)
  if last < base then return false end
  local start = HEADER + hops + (last - base) * widths[i]
  local text = call('GETRANGE', key, format('%d', start), '-1')
  if sub(text, IDENTITY + 1, IDENTITY + 8) ~= identities[i] then return false end
  take(i, text, start, 0, last, header)
  claimed[i] = true
  return true
end

local function readJournals(journals)
  local keys, wholes = {}, {}
  for i = 1, journals do
    added[i], touched[i] = false, false
    if helds[i] * widths[i] <= WHOLE_MAX or not readSuffix(i) then
      wholes[#wholes + 1] = i
      keys[#wholes] = journalKeys[i]
    end
  end
  if #keys == 0 then return end
  local found = call('MGET', unpack(keys))
  for k = 1, #wholes do readWhole(wholes[k], found[k]) end
end

-- The ordinal of an identity in the exact tail, and its record; nil when it is not there.
local function locate(i, identity)
  local tail = boundary(counts[i], caps[i])
  local list = added[i]
  if list then
    for k = #list, 1, -1 do
      if befores[i] + k - 1 < tail then break end
      if sub(list[k], IDENTITY + 1, IDENTITY + 8) == identity then return befores[i] + k - 1, list[k] end
    end
  end
  -- What the caller holds it has searched itself.
  local from = claimed[i] and helds[i] or 0
  if from < tail then from = tail end
  if from >= befores[i] then return nil end
  local text, width, first = texts[i], widths[i], firsts[i]
  local at = first + (from - froms[i]) * width + 1
  while true do
    at = find(text, identity, at, true)
    if not at then return nil end
    if (at - 1 - first) % width == IDENTITY then
      local record = at - IDENTITY
      return froms[i] + (record - 1 - first) / width, sub(text, record, record + width - 1)
    end
    at = at + 1
  end
end

local function sourceOf(record)
  return sub(record, SOURCE + 1, SOURCE + 8)
end

-- How the record of a call names the message that adopted it: the top bit of the offset is set.
local function adopter(source)
  return sub(source, 1, 7) .. string.char(string.byte(source, 8) + 128)
end

-- What the record `found` says of another one with its identity.
local function compare(found, record)
  local source, own = sourceOf(found), sourceOf(record)
  local sameContent = sub(record, FINGERPRINT + 1, FINGERPRINT + 8) == sub(found, FINGERPRINT + 1, FINGERPRINT + 8)
  if own == NO_SOURCE then return sameContent and REDELIVERY or CONFLICT end
  if source == own then return REDELIVERY end
  if source == adopter(own) or (source == NO_SOURCE and sameContent) then return ADOPTED end
  return sameContent and DUPLICATE or CONFLICT
end

-- Answers one slot: its value for the reply, seen, and the record that was found. Nil where the record was applied and cannot
-- have left the exact tail, but is not there. `how`: LEFT_PRIMARY, for a repeated duplicate or conflict whose first message
-- has left the primary's exact tail looks like an applied row, and has no record here; CALLED, for of a call's repeat nobody
-- knows how far the call came.
local function put(i, record, hint, applied, how)
  touched[i] = true
  local count = counts[i]
  local tail = boundary(count, caps[i])
  if hint >= 0 and claimed[i] then
    local ordinal, seen = floor(hint / HINT_STEPS), hint % HINT_STEPS
    if ordinal >= tail then return ordinal, seen end
  end
  local ordinal, found = locate(i, sub(record, IDENTITY + 1, IDENTITY + 8))
  if ordinal then return ordinal, compare(found, record), found end
  if applied or (how == CALLED and tail > 0) then
    if tail == 0 and how ~= LEFT_PRIMARY then return nil end
    return -1 - count, REDELIVERY
  end
  local list = added[i]
  if list then list[#list + 1] = record else added[i] = { record } end
  counts[i] = count + 1
  return count, FRESH
end

-- Lets the record of a call name the message of `record`: in Redis, in what is returned, for the rows that follow.
local function adopt(adoptions, i, ordinal, record)
  local source = adopter(sourceOf(record))
  local list, at = added[i], ordinal - befores[i] + 1
  if at > 0 then
    list[at] = sub(list[at], 1, SOURCE) .. source .. sub(list[at], SOURCE + 9)
    return
  end
  at = firsts[i] + (ordinal - froms[i]) * widths[i] + SOURCE
  texts[i] = sub(texts[i], 1, at) .. source .. sub(texts[i], at + 9)
  adoptions[#adoptions + 1] = { journal = i, at = starts[i] + at, source = source }
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
  for i = 1, journals do
    journalKeys[i] = keys[i + 1]
    widths[i], caps[i], helds[i], incarnations[i], identities[i], at = unpackBytes('<HI4dc8c8', arg, at)
    if widths[i] < RECORD_MIN or caps[i] == 0 or helds[i] < 0 then refuse('WEIRARGS', 'a journal without width or cap') end
  end
  local rowList = { unpackBytes('<' .. string.rep('HdH', rows), arg, at) }
  at = rowList[rows * 3 + 1]
  local slotList = { unpackBytes('<' .. string.rep('Hd', slots), arg, at) }
  at = slotList[slots * 2 + 1]
  local bytes, counted = 0, 0
  for i = 1, slots do
    local journal = slotList[i * 2 - 1]
    if journal == 0 or journal > journals then refuse('WEIRARGS', 'a record for no journal') end
    bytes = bytes + widths[journal]
  end
  for i = 1, rows do
    if rowList[i * 3 - 2] > partitions then refuse('WEIRARGS', 'a row of no partition') end
    counted = counted + floor(rowList[i * 3] / SHAPES)
  end
  if counted ~= slots or at - 1 + bytes ~= #arg then refuse('WEIRARGS', 'more or less than it says') end
  return {
    renew = renew == 1, ttl = ttl, since = since, incarnation = incarnation, partitions = list,
    journals = journals, rows = rowList, slots = slotList, records = at, adoptions = {}
  }
end

local function refusal(request)
  local parts = { packBytes('<Bd', 1, request.sinceStored or -1) }
  for i, partition in ipairs(request.partitions) do
    parts[i + 1] = packBytes('<d', partition.predecessor == ANEW and ANEW or partition.stored)
  end
  return table.concat(parts)
end

-- Reads the chain into the request; false when a predecessor differs.
local function readChain(key, request, prefix)
  local partitions, fields = request.partitions, { 'since' }
  for i = 1, #partitions do
    partitions[i].field = prefix .. partitions[i].partition
    fields[i + 1] = partitions[i].field
  end
  local found = call('HMGET', key, unpack(fields))
  request.sinceStored = found[1] and tonumber(found[1])
  local isNext = true
  for i = 1, #partitions do
    local partition = partitions[i]
    local isAnew = partition.predecessor == ANEW
    partition.stored = not isAnew and tonumber(found[i + 1] or -1) or -1
    partition.reached = partition.stored
    if not isAnew and partition.last > partition.stored and partition.predecessor ~= partition.stored then
      isNext = false
    end
  end
  return isNext
end

-- What each row was and where its records stand; nil where a journal lacks what the chain says it has.
local function observeRows(request, arg)
  local rows, slots, partitions = request.rows, request.slots, request.partitions
  local seenList, values = {}, {}
  local slot, at = 0, request.records
  for row = 1, #rows / 3 do
    local partition, offset, shape = partitions[rows[row * 3 - 2]], rows[row * 3 - 1], rows[row * 3]
    local applied = partition ~= nil and offset <= partition.reached
    local seen, how = FRESH, shape % SHAPES
    for i = 1, floor(shape / SHAPES) do
      slot = slot + 1
      local journal = slots[slot * 2 - 1]
      local width = widths[journal]
      local record = sub(arg, at, at + width - 1)
      at = at + width
      values[slot] = 0
      if seen < DUPLICATE then
        local value, found, other = put(journal, record, slots[slot * 2], applied, how)
        if not value then
          partition.predecessor = ANEW
          return nil
        end
        values[slot] = value
        if how == PRIMARY_FIRST then
          seen, how = found, OTHERS
          if seen == ADOPTED and other and sourceOf(other) == NO_SOURCE then
            adopt(request.adoptions, journal, value, record)
          end
          if value < 0 then
            how = LEFT_PRIMARY
          elseif seen == ADOPTED or (seen == REDELIVERY and not partition) then
            how = CALLED
          end
        end
      end
    end
    seenList[row] = string.char(seen)
    if partition and offset > partition.reached then partition.reached = offset end
  end
  return table.concat(seenList), values
end

local function write(key, request)
  local stepS = math.ceil(request.ttl / STEPS_PER_TTL)
  local step = floor(tonumber(call('TIME')[1]) / stepS) % 65536
  local ttl = format('%d', request.ttl + stepS)
  for i = 1, request.journals do
    local list = added[i]
    if list and absent[i] then
      local header = packBytes('<c4I4c8c12HH', MAGIC, 0, request.incarnation, UNSUMMED, widths[i], step)
      call('SET', journalKeys[i], header .. table.concat(list), 'EX', ttl)
      incarnations[i] = request.incarnation .. UNSUMMED
    elseif list then
      local more = list[2] and table.concat(list) or list[1]
      -- A string that grows gets twice what it needs: one that is short, and here as a whole, is written anew.
      if starts[i] == 0 and #texts[i] <= REWRITTEN_MAX then
        call('SET', journalKeys[i], texts[i] .. more, 'KEEPTTL')
      else
        call('APPEND', journalKeys[i], more)
      end
    end
    if touched[i] and not absent[i] and steps[i] ~= step then
      call('SETRANGE', journalKeys[i], '30', packBytes('<H', step))
      call('EXPIRE', journalKeys[i], ttl)
    end
  end
  for _, adoption in ipairs(request.adoptions) do
    call('SETRANGE', journalKeys[adoption.journal], format('%d', adoption.at), adoption.source)
  end
  local fields = {}
  -- History never seems longer than it was known to be, whatever call comes late.
  if not request.sinceStored or (request.renew and request.since > request.sinceStored) then
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

-- Whether whoever gets the reply is to compact a journal.
local function isWanted(i)
  local cap = caps[i]
  local long = (counts[i] - bases[i]) / cap
  return long > CAPS_MAX or (long >= CAPS_LONG and floor(befores[i] / cap) < floor(counts[i] / cap))
end

local function reply(request, seen, values)
  local heads, wholes, wanted, suffixes = {}, {}, {}, {}
  for i = 1, request.journals do
    local mode, before = 0, 0
    if touched[i] then
      mode, before = claimed[i] and 1 or 2, befores[i]
      if mode == 2 then
        wholes[#wholes + 1] = incarnations[i]
        suffixes[#suffixes + 1] = sub(texts[i], HEADER + 1)
      elseif before > helds[i] then
        suffixes[#suffixes + 1] = sub(texts[i], firsts[i] + (helds[i] - froms[i]) * widths[i] + 1)
      end
      if isWanted(i) then
        mode = mode + WANTED
        wanted[#wanted + 1] = generations[i]
      end
    end
    heads[i * 2 - 1], heads[i * 2] = mode, before
    texts[i] = false
  end
  local parts = { packBytes('<Bd', 0, request.sinceStored) }
  for _, partition in ipairs(request.partitions) do parts[#parts + 1] = packBytes('<d', partition.reached) end
  parts[#parts + 1] = packBytes('<' .. string.rep('Bd', request.journals), unpack(heads))
  parts[#parts + 1] = seen
  parts[#parts + 1] = packBytes('<' .. string.rep('d', #values), unpack(values))
  parts[#parts + 1] = table.concat(wholes)
  parts[#parts + 1] = table.concat(wanted)
  parts[#parts + 1] = table.concat(suffixes)
  return table.concat(parts)
end

local function observe(keys, args)
  local request = parse(keys, args[2])
  if not readChain(keys[1], request, args[1]) then return refusal(request) end
  readJournals(request.journals)
  local seen, values = observeRows(request, args[2])
  if not seen then return refusal(request) end
  write(keys[1], request)
  return reply(request, seen, values)
end

register('observe_v1', observe)

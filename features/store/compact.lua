-- compact_v2 puts sums in the place of a journal's oldest records, if it is still the journal that they were made of. It must
-- never write over what was not compared, nor drop a record that a view may yet need one by one.
--
-- KEYS[1]   journal
-- ARGV[1]   packed, little-endian, without padding; features/store/compactor.ts is the other end: u8 version, u16 width,
--           u32 cap, u32 generation, 8 B incarnation, 8 B identity of the last record known, f64 how many are known, f64 base
--           that it gets; then the sums of the records before this base, as they are to be kept
--
-- Returns 1 when it is done; 0, with nothing written, when the journal is gone, another one, or of another generation.

local function compact(keys, args)
  local key, arg = keys[1], args[1]
  local version, width, cap, state, identity, known, base, at = unpackBytes('<BHI4c12c8dd', arg)
  if version ~= 1 or width < RECORD_MIN or cap == 0 or known % 1 ~= 0 or not (base > 0) or base % cap ~= 0 then
    refuse('WEIRARGS', 'a head that this function does not know')
  end
  if base > boundary(known, cap) - cap then refuse('WEIRARGS', 'a base less than one cap behind the exact tail') end
  local header = call('GETRANGE', key, '0', format('%d', HEADER - 1))
  if header == '' then return '0' end
  checkHeader(header)
  if sub(header, 5, 16) ~= state then return '0' end
  local from, hops, stored = unpackBytes('<dI4H', header, 17)
  if stored ~= width then refuse('WEIRFORMAT', 'a journal is of another layout than this function knows') end
  if base <= from then return '0' end
  local first = HEADER + hops
  local last = first + (known - 1 - from) * width + IDENTITY
  if call('GETRANGE', key, format('%d', last), format('%d', last + 7)) ~= identity then return '0' end
  local records = call('GETRANGE', key, format('%d', first + (base - from) * width), '-1')
  if #records % width ~= 0 then refuse('WEIRFORMAT', 'a journal ends within a record') end
  local generation = (unpackBytes('<I4', header, 5) + 1) % 2 ^ 32
  local sums = sub(arg, at)
  local head = packBytes('<c4I4c8dI4', MAGIC, generation, sub(header, 9, 16), base, #sums)
  call('SET', key, head .. sub(header, 29, 32) .. sums .. records, 'KEEPTTL')
  return '1'
end

-- Also where memory is short: it gives some back.
register('compact_v2', compact, { 'allow-oom' })

// Minor-unit digits of currencies (ISO 4217: the table of active codes, and those withdrawn that histories still hold).

const byDigits: readonly (readonly [number, string])[] = [
  [0, 'BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF'],
  [3, 'BHD IQD JOD KWD LYD OMR TND'],
  [4, 'CLF UYW'],
  [
    2,
    'AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG',
  ],
  // Withdrawn.
  [
    2,
    'AFA ALK ANG AON AOR ATS AZM BEF BGL BRC BRE BRN BRR CSD CSK CUC CYP DDM DEM ECS EEK FIM FRF GHC GWP HRD HRK IEP ILP LTL LVL MCF MRO MTL MZM NLG PLZ ROL RUR SDD SIT SKK SLL SML SRG STD TJR TMM UAK VAL VEB VEF YUM ZAL ZMK ZRN ZWD ZWL ZWN ZWR',
  ],
  [0, 'ADP BYB BYR ESP GRD ITL LUF MGF PTE TPE TRL'],
]

const digitsOf = new Map(
  byDigits.flatMap(([digits, codes]) => codes.split(' ').map((code) => [code, digits] as const)),
)

/** Digits behind the point of a currency; null for a code that ISO 4217 never had. */
export function currencyDigits(code: string): number | null {
  return digitsOf.get(code) ?? null
}

/** Three capital letters: what a code looks like, known or not. */
export function isCurrencyCode(text: string): boolean {
  if (text.length !== 3) return false
  for (let i = 0; i < 3; i++) {
    const code = text.charCodeAt(i)
    if (code < 0x41 || code > 0x5a) return false
  }
  return true
}

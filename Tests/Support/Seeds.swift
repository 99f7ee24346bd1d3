import Glibc

/// True when the tests run under a sanitizer, which makes code many times slower.
package let isSanitized = getenv("TSUKADA_PART").map { String(cString: $0) } == "sanitized"

/// Returns seeds from 0 for a property test. Under a sanitizer it returns an eighth of `count`, because a sanitizer finds little in code that draws and
/// compares numbers.
package func seeds(_ count: UInt64) -> Range<UInt64> { 0..<(isSanitized ? (count + 7) / 8 : count) }

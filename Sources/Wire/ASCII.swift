extension UInt8 {
    /// The byte in lower case if it is an ASCII capital.
    package var asciiLowercased: UInt8 { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(self) ? self + 32 : self }

    /// The byte in upper case if it is a small ASCII letter.
    package var asciiUppercased: UInt8 { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(self) ? self - 32 : self }

    /// True for a digit from 0 to 9.
    package var isDecimalDigit: Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(self) }

    /// True for an ASCII letter or a decimal digit.
    package var isAlphanumeric: Bool { isDecimalDigit || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(asciiLowercased) }

    /// True for a space or a tab.
    package var isBlank: Bool { self == UInt8(ascii: " ") || self == 9 }
}

extension ArraySlice<UInt8> {
    /// The bytes without blanks at both ends.
    package var trimmed: ArraySlice<UInt8> {
        let start = firstIndex { !$0.isBlank } ?? endIndex
        let end = lastIndex { !$0.isBlank }.map { $0 + 1 } ?? start
        return self[start..<end]
    }
}

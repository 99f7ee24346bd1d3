/// A text of many short fields. It appends bytes, because appending strings takes several times longer.
struct FieldText {
    /// The whole text in UTF-8.
    private(set) var bytes: [UInt8] = []

    /// An empty text with room for `capacity` bytes.
    init(capacity: Int = 1024) { bytes.reserveCapacity(capacity) }

    /// The whole text.
    var text: String { String(decoding: bytes, as: UTF8.self) }

    /// Adds a text.
    mutating func append(_ text: String) { bytes += text.utf8 }

    /// Adds bytes of UTF-8.
    mutating func append(_ text: [UInt8]) { bytes += text }

    /// Adds a number in decimal.
    mutating func append(_ number: some FixedWidthInteger) {
        if number >= 0, number < 10 { bytes.append(UInt8(ascii: "0") + UInt8(number)) } else { bytes += String(number).utf8 }
    }

    /// Adds a space and a text.
    mutating func field(_ text: String) {
        bytes.append(UInt8(ascii: " "))
        append(text)
    }

    /// Adds a space and a number.
    mutating func field(_ number: some FixedWidthInteger) {
        bytes.append(UInt8(ascii: " "))
        append(number)
    }

    /// Ends a line.
    mutating func endLine() { bytes.append(UInt8(ascii: "\n")) }
}

extension ArraySlice<UInt8> {
    /// True when `pattern` occurs in the bytes. The time is linear in both lengths, whatever a peer has sent (Knuth, Morris and Pratt).
    package func includes(_ pattern: [UInt8]) -> Bool {
        guard !pattern.isEmpty else { return true }
        // For each position of the pattern: the length of its longest proper prefix that ends there.
        var prefixes = [Int](repeating: 0, count: pattern.count)
        var length = 0
        for position in 1..<pattern.count {
            while length > 0, pattern[length] != pattern[position] { length = prefixes[length - 1] }
            if pattern[length] == pattern[position] { length += 1 }
            prefixes[position] = length
        }
        length = 0
        for byte in self {
            while length > 0, pattern[length] != byte { length = prefixes[length - 1] }
            if pattern[length] == byte { length += 1 }
            if length == pattern.count { return true }
        }
        return false
    }
}

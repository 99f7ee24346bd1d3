import Glibc

/// Zeroed anonymous memory. Pages cost nothing until they are touched.
package enum Slab {
    /// Maps memory for `count` elements.
    package static func map<Element: BitwiseCopyable>(_ element: Element.Type, count: Int) -> UnsafeMutablePointer<Element> {
        let bytes = max(1, count) * MemoryLayout<Element>.stride
        let flags = MAP_PRIVATE | MAP_ANONYMOUS | Int32(MAP_NORESERVE)
        guard let address = mmap(nil, bytes, PROT_READ | PROT_WRITE, flags, -1, 0), address != MAP_FAILED else {
            fatalError("no address space for \(bytes) bytes: lower maxconn or nbthread")
        }
        return address.bindMemory(to: Element.self, capacity: max(1, count))
    }

    /// Unmaps memory from `map`.
    package static func unmap<Element>(_ base: UnsafeMutablePointer<Element>, count: Int) {
        munmap(base, max(1, count) * MemoryLayout<Element>.stride)
    }
}

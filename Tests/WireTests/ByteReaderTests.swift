import Testing
import Wire

@Suite("The byte reader and writer")
struct ByteReaderTests {
    @Test("read back what was written, in both byte orders")
    func roundTrip() {
        var writer = ByteWriter()
        writer.writeBigEndian(UInt16(0x1234))
        writer.writeLittleEndian(UInt32(0xdead_beef))
        writer.writeLittleEndian(0x01_0203, bytes: 3)
        writer.writeBigEndian(Int32(-2))
        writer.write("abc".utf8)
        writer.write(0)
        var reader = ByteReader(writer.bytes)
        #expect(reader.readBigEndian(UInt16.self) == 0x1234)
        #expect(reader.readLittleEndian(UInt32.self) == 0xdead_beef)
        #expect(reader.readLittleEndian(bytes: 3) == 0x01_0203)
        #expect(reader.readBigEndian(Int32.self) == -2)
        #expect(reader.readBytes(until: 0, limit: 3) == Array("abc".utf8)[...])
        #expect(reader.isAtEnd)
    }

    @Test("give nil and do not move when too few bytes are left")
    func tooFew() {
        var reader = ByteReader([1, 2, 3])
        #expect(reader.readBigEndian(UInt32.self) == nil)
        #expect(reader.readLittleEndian(UInt64.self) == nil)
        #expect(reader.readBytes(4) == nil)
        #expect(reader.readBytes(-1) == nil)
        #expect(reader.skip(4) == nil)
        #expect(reader.readBytes(until: 3, limit: 1) == nil)
        #expect(reader.count == 3)
        #expect(reader.skip(3) != nil)
        #expect(reader.readByte() == nil)
        #expect(reader.readRest().isEmpty)
    }

    @Test("read a slice that does not begin at index 0")
    func slice() {
        let bytes: [UInt8] = [9, 9, 0x12, 0x34, 0x56]
        var reader = ByteReader(bytes[2...])
        #expect(reader.readBigEndian(UInt16.self) == 0x1234)
        #expect(reader.readRest() == [0x56])
    }
}

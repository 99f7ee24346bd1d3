import Support
import Testing
import Wire

@testable import Proxy

@Suite("The assignment of addresses")
struct AddressAssignmentTests {
    @Test("does not compare each address with the addresses of all servers, for each server")
    func manyServers() {
        var book = AddressBook()
        let addresses = (0..<100).map { IPAddress.v4(0x0a00_0000 + $0) }
        book.merge(.v4, with: addresses, now: Instant(nanoseconds: 0))
        let slot = AddressAssignment.Slot(address: ResolvedAddress(addresses[0]), preference: AddressPreference(family: .v4))
        let slots = Array(repeating: slot, count: 2_000)
        var decisions: [AddressAssignment.Decision] = []
        let time = ThreadTime.of { decisions = AddressAssignment.decide(servers: slots, from: book) }
        #expect(decisions.allSatisfy { $0 == .keep })
        #expect(time < .seconds(1), "\(time)")
    }
}

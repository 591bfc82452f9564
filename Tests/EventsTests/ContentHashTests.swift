import Events
import Testing

@Suite struct ContentHashTests {
    // Reference values from the xxHash library.
    @Test(
        arguments: [
            ("", 0xef46_db37_51d8_e999), ("a", 0xd24e_c4f1_a98c_6e5b), ("abc", 0x44bc_2cf5_ad77_0999),
            ("85123A", 0x07ae_ef06_22b0_eb53), ("WHITE HANGING HEART T-LIGHT HOLDER", 0xed35_0154_89ba_4737),
            (String(repeating: "x", count: 100), 0x92f0_de5a_88a3_c094),
        ] as [(String, UInt64)])
    func equalsXXH64(text: String, expected: UInt64) {
        #expect(contentHash(of: text) == expected)
    }

    @Test func takesASeed() { #expect(contentHash(of: "abc", seed: 42) == 0x13c1_d910_7027_70e6) }
}

import Events

/// Messages of generated customers, cheap enough to make millions.
struct SampleFields {
    private var message: [UInt8] = []

    mutating func message(customer: Int, round: Int, random: UInt64) -> [UInt8] {
        let time = EventTime.text(1_300_000_000_000 + Int64(round) * 9 * 86_400_000 + Int64(random % 600_000_000))
        message.removeAll(keepingCapacity: true)
        message += Array(
            """
            {"customer_id":"\(100_000 + customer)","invoice_no":"\(500_000 + random % 100_000)","stock_code":"\(random >> 20 % 4000)",\
            "description":"PRODUCT \(random >> 20 % 4000)","quantity":\(1 + random >> 40 % 20),"invoice_date":"\(time)",\
            "unit_price":\(1 + random >> 50 % 30).25,"country":"United Kingdom"}
            """.utf8)
        return message
    }
}

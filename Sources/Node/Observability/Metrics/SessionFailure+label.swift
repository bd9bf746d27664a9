import VolaryBackplane

extension SessionFailure: MetricLabel {
    var dimensions: [(String, String)] { [("reason", self.kebabCase)] }
}

/// The page for people, whole: it loads nothing but what this server answers. It stands in the program, byte for byte.
enum DashboardPage {
    static let html = PackageResources.dashboard_html
}

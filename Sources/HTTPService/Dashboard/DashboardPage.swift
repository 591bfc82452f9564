/// The dashboard's page, embedded in the executable. It loads nothing from other servers.
enum DashboardPage {
    static let html = PackageResources.dashboard_html
}

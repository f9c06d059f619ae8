using Gallery.Sql.Database;
using Gallery.Tests.Service;
using Npgsql;

namespace Gallery.Tests.Settings;

/// <summary>The forms of <c>DATABASE_URL</c>. In each broken one the password is <c>hunter2</c>, whole or in part.</summary>
public sealed class DatabaseUrlTests
{
    [Theory]
    [InlineData("postgresql://postgres:hunter2@db.example.com:5433/pictures")]
    [InlineData("postgres://postgres:hunter2@db.example.com:5433/pictures")]
    [InlineData("POSTGRESQL://postgres:hunter2@db.example.com:5433/pictures")]
    [InlineData("postgresql+psycopg2://postgres:hunter2@db.example.com:5433/pictures")]
    [InlineData("postgres+asyncpg://postgres:hunter2@db.example.com:5433/pictures")]
    [InlineData("jdbc:postgresql://db.example.com:5433/pictures?user=postgres&password=hunter2")]
    [InlineData("  postgresql://postgres:hunter2@db.example.com:5433/pictures\r\n")]
    [InlineData("postgresql:///pictures?host=db.example.com&port=5433&user=postgres&password=hunter2")]
    [InlineData("postgresql://db.example.com:5433/?dbname=pictures&user=postgres&password=hunter2")]
    [InlineData("Host=db.example.com;Port=5433;Username=postgres;Password=hunter2;Database=pictures")]
    [InlineData("Host=db.example.com:5433;Username=postgres;Password=hunter2;Database=pictures")]
    [InlineData("User Id=postgres;Password=hunter2;Server=db.example.com;Port=5433;Database=pictures;")]
    public void Every_form_names_the_same_connection(string url)
    {
        var connection = Given.Url(url);

        Assert.Equal(
            ("db.example.com", 5433, "postgres", "hunter2", "pictures"),
            (connection.Host, connection.Port, connection.Username, connection.Password, connection.Database));
    }

    [Theory]
    [InlineData("p%40ss%2Fw%3Ard%25%3F%23", "p@ss/w:rd%?#")]
    [InlineData("p@ss:w#rd@", "p@ss:w#rd@")]
    [InlineData("p+q", "p+q")]
    [InlineData("%E2%82%AC", "€")]
    [InlineData("a;b='c'", "a;b='c'")]
    public void A_password_is_percent_decoded_and_may_hold_what_needs_no_encoding(string written, string meant)
    {
        var connection = Given.Url($"postgresql://us%3Aer:{written}@h/d%2Fb");

        Assert.Equal(("us:er", meant, "h", "d/b"), (connection.Username, connection.Password, connection.Host, connection.Database));
    }

    [Theory]
    [InlineData("postgresql://u:p@[::1]:5433/d", "::1", 5433)]
    [InlineData("postgresql://u:p@[2001:db8::7]/d", "2001:db8::7", 5432)]
    [InlineData("Host=[2001:db8::7]:5433", "2001:db8::7", 5433)]
    [InlineData("Host=2001:db8::7;Port=5433", "2001:db8::7", 5433)]
    public void An_ipv6_address_is_a_host(string url, string host, int port)
    {
        var connection = Given.Url(url);

        Assert.Equal((host, port), (connection.Host, connection.Port));
    }

    [Theory]
    [InlineData("postgresql://u:p@one:5433,two,[::1]:5434/d?target_session_attrs=prefer-standby", "one:5433, two:5432, [::1]:5434")]
    [InlineData("Host=one:5433,two;Port=5435;Target Session Attributes=primary", "one:5433, two:5435")]
    [InlineData("postgresql:///d?host=one,two&port=5433", "one:5433, two:5433")]
    [InlineData("postgresql://u:p@h/d", "h:5432")]
    [InlineData("postgresql:///d?host=/var/run/postgresql", "/var/run/postgresql")]
    public void Several_hosts_are_one_data_source_and_are_described_with_their_ports(string url, string description)
    {
        using var source = GalleryDatabase.Create(Given.Url(url), Given.Settings());

        Assert.Equal(description, Given.Url(url).DescribeServers());
        Assert.Equal(description.Contains(','), source is NpgsqlMultiHostDataSource);
    }

    [Fact]
    public void Libpqs_parameters_are_npgsqls()
    {
        var file = Path.GetTempFileName();
        var connection = Given.Url(
            $"postgresql://h/d?sslmode=verify-ca&sslrootcert={Uri.EscapeDataString(file)}&sslcert={file}&sslkey={file}&application_name=a%20b%40c&options=-c%20jit%3Doff&connect_timeout=7&channel_binding=require");
        File.Delete(file);

        Assert.Equal(
            (SslMode.VerifyCA, file, file, file, "a b@c", "-c jit=off", 7, ChannelBinding.Require),
            (connection.SslMode, connection.RootCertificate, connection.SslCertificate, connection.SslKey,
             connection.ApplicationName, connection.Options, connection.Timeout, connection.ChannelBinding));
    }

    [Theory]
    [InlineData("scram-sha-256", "ScramSHA256")]
    [InlineData("md5,scram-sha-256", "MD5,ScramSHA256")]
    [InlineData("!password", "!Password")]
    public void The_ways_of_signing_in_may_be_bounded(string libpqs, string npgsqls) =>
        Assert.Equal(npgsqls, Given.Url($"postgresql://h/d?require_auth={libpqs}").RequireAuth);

    [Theory]
    [InlineData("sslmode=no-verify")]
    [InlineData("ssl=true")]
    [InlineData("ssl=true&ApplicationName=x")]
    public void Other_clients_words_for_encryption_are_understood(string query) => Assert.Equal(SslMode.Require, Given.Url($"postgresql://localhost/d?{query}").SslMode);

    [Theory]
    [InlineData("sslmode=verify-full&ssl=true", SslMode.VerifyFull)]
    [InlineData("ssl=require&sslmode=verify-full", SslMode.VerifyFull)]
    [InlineData("sslmode=verify-ca&ssl=require", SslMode.VerifyCA)]
    [InlineData("sslmode=require&ssl=false", SslMode.Require)]
    [InlineData("ssl=false", SslMode.Require)]
    public void Ssl_lowers_no_sslmode(string query, SslMode expected) => Assert.Equal(expected, Given.Url($"postgresql://db.example.com/d?{query}").SslMode);

    [Fact]
    public void Direct_negotiation_of_tls_is_npgsqls() =>
        Assert.Equal(SslNegotiation.Direct, Given.Url("postgresql://db.example.com/d?sslmode=require&sslnegotiation=direct").SslNegotiation);

    [Theory]
    [InlineData("pool=5")]
    [InlineData("encoding=utf8")]
    [InlineData("reWriteBatchedInserts=true")]
    [InlineData("socketTimeout=9")]
    [InlineData("load_balance_hosts=random")]
    [InlineData("timezone=UTC")]
    [InlineData("colour=red")]
    public void An_unknown_parameter_is_ignored_with_a_warning(string query)
    {
        var log = new WarningLog();

        Assert.NotNull(ConnectionSettings.Find(Given.Settings($"DATABASE_URL=postgresql://h/d?{query}"), log.CreateLogger("x")));
        Assert.EndsWith($"are ignored: {query.Split('=')[0]}", Assert.Single(log.Written).TrimEnd(), StringComparison.Ordinal);
    }

    [Fact]
    public void What_other_clients_urls_carry_is_ignored_with_one_warning_that_holds_no_value()
    {
        var log = new WarningLog();
        var settings = Given.Settings(
            "DATABASE_URL=postgresql://u:p@h/d?connection_limit=11&schema=hunter2&pool_timeout=12&keepalives=13&keepalives_idle=14&sslmode=require&statement_timeout=15&pgbouncer=true&currentSchema=x");

        Assert.Equal(SslMode.Require, ConnectionSettings.Find(settings, log.CreateLogger("x"))!.SslMode);
        Assert.Equal(
            "DATABASE_URL has parameters that mean nothing here and are ignored: connection_limit, schema, pool_timeout, keepalives, keepalives_idle, statement_timeout, currentSchema",
            Assert.Single(log.Written).TrimEnd());
    }

    [Theory]
    [InlineData("", SslMode.VerifyCA)]
    [InlineData("&sslmode=require", SslMode.VerifyCA)]
    [InlineData("&sslmode=prefer", SslMode.Prefer)]
    [InlineData("&sslmode=verify-full", SslMode.VerifyFull)]
    public void A_file_of_certificates_is_used_as_libpq_does(string mode, SslMode expected) =>
        Assert.Equal(expected, Given.Url($"postgresql://u@db.example.com/d?sslrootcert={Uri.EscapeDataString(typeof(DatabaseUrlTests).Assembly.Location)}{mode}").SslMode);

    [Fact]
    public void The_systems_certificates_are_checked_with_the_name()
    {
        Assert.Equal((SslMode.VerifyFull, null), (Given.Url("postgresql://u@h/d?sslrootcert=system").SslMode, Given.Url("postgresql://u@h/d?sslrootcert=system").RootCertificate));
        Assert.StartsWith("DATABASE_URL has sslrootcert=system, which needs sslmode=verify-full.", Given.Error("DATABASE_URL=postgresql://u@h/d?sslrootcert=system&sslmode=require"), StringComparison.Ordinal);
    }

    [Fact]
    public void A_certificate_file_that_does_not_exist_is_named() =>
        Assert.Equal("DATABASE_URL: sslrootcert names a file that does not exist.", Given.Error("DATABASE_URL=postgresql://u:hunter2@h/d?sslrootcert=/no/ca.pem"));

    [Theory]
    [InlineData("sslmod=verify-full", "sslmod")]
    [InlineData("sslfactory=org.example.Trusting", "sslfactory")]
    [InlineData("chanel_binding=require", "chanel_binding")]
    [InlineData("channelBinding=require", "channelBinding")]
    [InlineData("requireauth=scram-sha-256", "requireauth")]
    [InlineData("passwrd=hunter2", "passwrd")]
    [InlineData("prt=5433", "prt")]
    [InlineData("hostaddr=10.0.0.1", "hostaddr")]
    [InlineData("targetServerType=primary", "targetServerType")]
    [InlineData("requirepeer=postgres", "requirepeer")]
    [InlineData("service=other", "service")]
    [InlineData("useSSL=true", "useSSL")]
    [InlineData("pool", "pool")]
    [InlineData("require_auth=magic", "require_auth")]
    [InlineData("ssl=perhaps", "ssl")]
    [InlineData("connect_timeout=soon", "connect_timeout")]
    [InlineData("connect_timeout=99999", "connect_timeout")]
    [InlineData("channel_binding=9", "channel_binding")]
    [InlineData("target_session_attrs=any-old", "target_session_attrs")]
    public void A_parameter_that_can_not_be_used_is_named_with_those_that_can(string query, string name)
    {
        var message = Given.Error($"DATABASE_URL=postgresql://u:hunter2@h/d?{query}");

        Assert.StartsWith($"DATABASE_URL has the parameter {name}, which is unknown or has an unusable value.", message, StringComparison.Ordinal);
        Assert.Contains("sslmode", message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("postgresql://")]
    [InlineData("postgresql:///d")]
    [InlineData("postgresql://u:hunter2@/d")]
    [InlineData("postgresql://u:hunter2@h/d?host=")]
    [InlineData("Username=u;Password=hunter2;Database=d")]
    public void A_missing_host_is_said(string url) =>
        Assert.StartsWith("DATABASE_URL names no host", Given.Error($"DATABASE_URL={url}"), StringComparison.Ordinal);

    [Theory]
    [InlineData("postgresql://u:hunter2@h:0/d")]
    [InlineData("postgresql://u:hunter2@h:65536/d")]
    [InlineData("postgresql://u:hunter2@h:/d")]
    [InlineData("postgresql://u:hunter2@h:five/d")]
    [InlineData("postgresql://u:hunter2@[::1]:x/d")]
    [InlineData("postgresql://u:hunter2@h:1,i:x/d")]
    [InlineData("postgresql://u:123/hunter2@h/d")]
    [InlineData("postgresql://u:123?hunter2@h/d")]
    public void A_bad_port_in_a_uri_tells_how_a_password_is_encoded(string url) =>
        Assert.Contains("percent-encode it", Given.Error($"DATABASE_URL={url}"), StringComparison.Ordinal);

    [Theory]
    [InlineData("postgresql://u:hunter2%@h/d")]
    [InlineData("postgresql://u:hunter2%4@h/d")]
    [InlineData("postgresql://u:hunter2%zz@h/d")]
    public void A_stray_percent_sign_tells_how_it_is_written(string url) =>
        Assert.Contains("as %25", Given.Error($"DATABASE_URL={url}"), StringComparison.Ordinal);

    [Fact]
    public void Choosing_between_hosts_needs_several() =>
        Assert.Contains("target_session_attrs", Given.Error("DATABASE_URL=postgresql://u:hunter2@h/d?target_session_attrs=primary"), StringComparison.Ordinal);

    [Theory]
    [InlineData("hunter2")]
    [InlineData("mysql://u:hunter2@h/d")]
    [InlineData("//u:hunter2@h/d")]
    [InlineData("postgresql:/u:hunter2@h/d")]
    [InlineData("\"postgresql://u:hunter2@h/d\"")]
    [InlineData("psql postgresql://u:hunter2@h/d")]
    [InlineData("postgresql://u:hunter2")]
    [InlineData("postgresql://u:hunter2/d")]
    [InlineData("postgresql://u:sec,hunter2/d")]
    [InlineData("postgresql://u:12?hunter2")]
    [InlineData("postgresql://u:p@x?hunter2@h/d")]
    [InlineData("postgresql://u:p@x?hunter2=@h/d")]
    [InlineData("postgresql://u:p@x/hunter2@h/d")]
    [InlineData("postgresql://u:123?sslmode=hunter2@h/d")]
    [InlineData("postgresql://u:123?port=hunter2@h/d")]
    [InlineData("postgresql://u:hunter2@h d/d")]
    [InlineData("postgresql://u:hunter2@h/d?password=hunter2&sslmode=on")]
    [InlineData("postgresql://u:hunter2@h/d?host=one:x,two")]
    [InlineData("Host=h;Password=hunter2;Port=five")]
    [InlineData("Host=h;Password=hunter2;Port=0")]
    [InlineData("Host=h;Password=hunter2;Port=99999")]
    [InlineData("Host=h;Password=hunter2;Port=99999999999")]
    [InlineData("Host=h:five,i;Password=hunter2")]
    [InlineData("Host=u:hunter2@h")]
    [InlineData("Host=h;Password=a;hunter2")]
    [InlineData("Host=h;Password=a;hunter2=b")]
    [InlineData("Host=h;Password='hunter2")]
    [InlineData("Host=h;Password=hunter2;SSL Mode=on")]
    [InlineData("Host=h;Password=hunter2;Pooling=hunter2")]
    [InlineData("Host=h;Password=hunter2;Timeout=-1")]
    [InlineData("Host=h;Password=hunter2;Maximum Pool Size=1;Minimum Pool Size=2")]
    [InlineData("Host=h;Password=hunter2;Target Session Attributes=hunter2")]
    [InlineData("Host=h;Password=hunter2;Target Session Attributes=primary")]
    public void No_error_holds_the_password(string url)
    {
        var message = Given.Error($"DATABASE_URL={url}");

        Assert.StartsWith("DATABASE_URL", message, StringComparison.Ordinal);
        Assert.DoesNotContain("hunter2", message, StringComparison.Ordinal);
    }
}

// An Azure Storage account with one table for the journals of adpersist, and the rights that it takes: one identity for each
// domain controller that may write, others that may only look (`adpersist fleet`).
//
//   az deployment group create --resource-group RG --template-file samples/azure/journal.bicep \
//     --parameters account=corpjournals writers='["<object id of the controller's identity>"]'
//
// Shared keys are off: nobody but these identities gets in. The lock keeps the account from being deleted by mistake.

@description('Name of the account: 3 to 24 small letters and digits, the only one of that name in the world.')
param account string

@description('Name of the table.')
param table string = 'adpersist'

@description('Object ids of identities that capture and heal.')
param writers array = []

@description('Object ids of identities that may only read.')
param readers array = []

param location string = resourceGroup().location

@description('Standard_ZRS outlives a data centre, Standard_GZRS a region.')
param sku string = 'Standard_ZRS'

var tableDataContributor = '0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3'
var tableDataReader = '76199698-9eea-4c19-bc75-cec21354c6b6'

resource storage 'Microsoft.Storage/storageAccounts@2023-05-01' = {
  name: account
  location: location
  kind: 'StorageV2'
  sku: { name: sku }
  properties: {
    allowSharedKeyAccess: false
    allowBlobPublicAccess: false
    minimumTlsVersion: 'TLS1_2'
    supportsHttpsTrafficOnly: true
  }
}

resource service 'Microsoft.Storage/storageAccounts/tableServices@2023-05-01' = {
  parent: storage
  name: 'default'
}

resource journals 'Microsoft.Storage/storageAccounts/tableServices/tables@2023-05-01' = {
  parent: service
  name: table
}

resource writing 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for identity in writers: {
  name: guid(journals.id, identity, tableDataContributor)
  scope: journals
  properties: {
    principalId: identity
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', tableDataContributor)
  }
}]

resource reading 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for identity in readers: {
  name: guid(journals.id, identity, tableDataReader)
  scope: journals
  properties: {
    principalId: identity
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', tableDataReader)
  }
}]

resource kept 'Microsoft.Authorization/locks@2020-05-01' = {
  name: 'adpersist-journals'
  scope: storage
  properties: {
    level: 'CanNotDelete'
    notes: 'The journals of domain controllers: without them nothing can be healed.'
  }
}

output store string = 'azure://${storage.name}/${table}'
